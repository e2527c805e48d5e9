// The page behind a one-time link. Only the button spends it, so a preview in a chat or a mail scanner does not.

import { deviceName, lacksPrivateKey } from './lib/conf.ts'
import { configView } from './lib/config-view.ts'
import { byId, element, forgetFragment, tokenFromFragment } from './lib/dom.ts'
import { showNotice } from './lib/form.ts'
import { readProblem, type Problem } from './lib/problem.ts'

const notice = byId('notice', HTMLDivElement)
const title = byId('title', HTMLHeadingElement)
const ask = byId('ask', HTMLElement)
const show = byId('show', HTMLButtonElement)
const result = byId('result', HTMLElement)
const token = tokenFromFragment(location.hash)

if (token) {
  ask.hidden = false
  show.addEventListener('click', () => void redeem())
} else {
  showNotice('This link is not complete.', ['Copy the whole link, with everything behind the # sign.'])
}

async function redeem(): Promise<void> {
  show.disabled = true
  notice.hidden = true
  try {
    const response = await fetch('/api/v1/links/redeem', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
      cache: 'no-store',
    })
    if (!response.ok) {
      refuse(await readProblem(response))
      return
    }
    const answer = (await response.json()) as { conf: string }
    showResult(answer.conf)
  } catch {
    showNotice('The server could not be reached.', ['Check the connection and try again; the link is probably unspent.'])
  } finally {
    show.disabled = false
  }
}

function showResult(config: string): void {
  forgetFragment()
  ask.remove()
  const once = 'Save or scan it now. The link is spent: opening it again shows nothing.'
  result.replaceChildren(element('p', once))
  if (lacksPrivateKey(config)) {
    const own = 'The private key of this device was made on the device. Write it into the file before you use it.'
    result.append(element('p', own, 'notice warn'))
  }
  result.append(configView(config, deviceName(config)))
  result.hidden = false
  title.focus()
}

function refuse(problem: Problem): void {
  const lines = [problem.detail]
  if (problem.status === 409) {
    ask.remove()
    lines.push('Each link shows its configuration once and only for a limited time. If it was not you who opened it, tell whoever sent it, and ask for a new one.')
    showNotice('This link has been used, or is too old.', lines)
    return
  }
  if (problem.requestId) lines.push(`Request ${problem.requestId}`)
  showNotice(problem.heading, lines)
}
