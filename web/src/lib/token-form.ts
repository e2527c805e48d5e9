// A form behind a one-time link: sends the link's token with what was filled in, and shows what became of it.

import { byId, forgetFragment, tokenFromFragment } from './dom.ts'
import { CORRECT, pointerOf, revealByButton, showFaults, showNotice } from './form.ts'
import { fieldOf, readProblem, type Problem } from './problem.ts'

/** Makes the page's form spend its link at this path of the API. */
export function spendByForm(path: string, done: string): void {
  const form = byId('form', HTMLFormElement)
  const submit = byId('submit', HTMLButtonElement)
  const inputs = [...form.querySelectorAll('input')]
  const token = tokenFromFragment(location.hash)

  if (!token) {
    showNotice('This link is not complete.', ['Copy the whole link, with everything behind the # sign.'])
    return
  }
  form.hidden = false
  revealByButton(byId('password', HTMLInputElement))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })

  async function send(): Promise<void> {
    byId('notice', HTMLDivElement).hidden = true
    showFaults(inputs, new Map())
    submit.disabled = true
    try {
      const response = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token, ...filled(inputs) }),
        cache: 'no-store',
      })
      if (response.ok) showDone()
      else refuse(await readProblem(response))
    } catch {
      showNotice('No answer came.', ['Check the connection and try again. If the link is spent then, it was done: sign in.'])
    } finally {
      submit.disabled = false
    }
  }

  function showDone(): void {
    forgetFragment()
    form.remove()
    const title = byId('title', HTMLHeadingElement)
    title.textContent = done
    byId('result', HTMLElement).hidden = false
    title.focus()
  }

  function refuse(problem: Problem): void {
    const placed = new Map<string, string>()
    for (const [pointer, detail] of problem.fields) {
      const field = fieldOf(pointer, inputs.map(pointerOf))
      if (field) placed.set(field, detail)
    }
    if (placed.size > 0) {
      showNotice(CORRECT, [])
      showFaults(inputs, placed)
      return
    }
    if (problem.status === 409) {
      form.remove()
      showNotice('This link has been used, or is too old.', [problem.detail])
      return
    }
    const lines = [problem.detail]
    if (problem.requestId) lines.push(`Request ${problem.requestId}`)
    showNotice(problem.heading, lines)
  }
}

/** The fields that were filled in, by the names of the API. */
function filled(inputs: HTMLInputElement[]): Record<string, string> {
  const pairs = inputs.map((input) => [pointerOf(input).slice(1), input.value] as const)
  return Object.fromEntries(pairs.filter(([name, value]) => value !== '' || name !== 'display_name'))
}
