// The page behind the one-time setup link: owner, endpoint, first network, first device.

import { withPrivateKey } from './lib/conf.ts'
import { configView } from './lib/config-view.ts'
import { byId, element, forgetFragment, tokenFromFragment } from './lib/dom.ts'
import { CORRECT, pointerOf, revealByButton, showFaults, showNotice } from './lib/form.ts'
import { makeKeyPair, type KeyPair } from './lib/keys.ts'
import { fieldOf, readProblem, type Problem } from './lib/problem.ts'
import { check, hostWarning, passwordCount, suggestions, toRequest, type Fields } from './lib/setup.ts'

const form = byId('form', HTMLFormElement)
const notice = byId('notice', HTMLDivElement)
const title = byId('title', HTMLHeadingElement)
const submit = byId('submit', HTMLButtonElement)
const result = byId('result', HTMLElement)
const inputs = [...form.querySelectorAll('input')]
const pointers = inputs.map(pointerOf)
const token = tokenFromFragment(location.hash)
let keys: KeyPair | undefined

start()

function start(): void {
  if (!token) {
    showNotice('This page needs the one-time link that the server printed.', [
      'Ask for a new one on the server: caspervpn setup-link',
    ])
    return
  }
  const suggested = suggestions(location.hostname, navigator.userAgent)
  for (const input of inputs) input.value = suggested[pointerOf(input)] ?? ''
  form.hidden = false
  byId('owner-password', HTMLInputElement).addEventListener('input', countPassword)
  byId('endpoint-host', HTMLInputElement).addEventListener('input', warnAboutHost)
  revealByButton(byId('owner-password', HTMLInputElement))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  countPassword()
  warnAboutHost()
}

async function send(): Promise<void> {
  const fields: Fields = Object.fromEntries(inputs.map((input) => [pointerOf(input), input.value]))
  notice.hidden = true
  const faults = check(fields)
  showFaults(inputs, faults)
  if (faults.size > 0) return
  submit.disabled = true
  submit.textContent = 'Creating…'
  try {
    // One pair for the page: if an answer is lost, the key that the server knows is still here.
    keys ??= await makeKeyPair()
    const response = await fetch('/api/v1/setup', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Setup ${token}` },
      body: JSON.stringify(toRequest(fields, keys.publicKey)),
      cache: 'no-store',
    })
    if (!response.ok) {
      showProblem(await readProblem(response))
      return
    }
    const answer = (await response.json()) as { config: { conf: string } }
    showResult(withPrivateKey(answer.config.conf, keys.privateKey), fields)
  } catch {
    showNotice('No answer came.', ['It is not known whether the setup was done. Try again: if it was, you are told so, and `caspervpn user list` on the server shows you as the owner.'])
  } finally {
    submit.disabled = false
    submit.textContent = 'Create my VPN'
  }
}

function showResult(config: string, fields: Fields): void {
  forgetFragment()
  form.remove()
  title.textContent = 'Your VPN is ready'
  const device = fields['/device/name'] ?? ''
  const lead = `“${device}” can connect now. This is the only time its private key is shown: it was made in this browser and the server does not have it.`
  const next = `You are “${fields['/owner/login'] ?? ''}”, the owner. Add people and devices with the caspervpn command on the server, or over the API.`
  result.replaceChildren(
    element('p', lead),
    configView(config, device),
    element('h2', 'Next'),
    element('p', next),
  )
  result.hidden = false
  title.focus()
}

function showProblem(problem: Problem): void {
  const placed = new Map<string, string>()
  const unplaced: string[] = []
  for (const [pointer, detail] of problem.fields) {
    const field = fieldOf(pointer, pointers)
    if (field) placed.set(field, detail)
    else unplaced.push(`${pointer}: ${detail}`)
  }
  const [heading, lines] = placed.size > 0 ? [CORRECT, unplaced] : [problem.heading, [problem.detail]]
  const refused = problem.status === 401 || problem.status === 403 || problem.status === 410
  if (refused && !problem.detail.includes('setup-link')) {
    lines.push('A new link is printed on the server by: caspervpn setup-link')
  }
  if (problem.requestId) lines.push(`Request ${problem.requestId}`)
  showNotice(heading, lines)
  showFaults(inputs, placed)
}

function countPassword(): void {
  const password = byId('owner-password', HTMLInputElement).value
  byId('password-count', HTMLSpanElement).textContent = passwordCount(password)
}

function warnAboutHost(): void {
  const warning = byId('endpoint-warning', HTMLParagraphElement)
  warning.textContent = hostWarning(byId('endpoint-host', HTMLInputElement).value)
  warning.hidden = warning.textContent === ''
}
