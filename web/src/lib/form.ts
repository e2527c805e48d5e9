// What every form of ours does: faults stand beside their fields, and a password can be looked at.

import { byId, element } from './dom.ts'

/** The heading over a form with faults beside its fields. */
export const CORRECT = 'Correct what is marked below.'

/** The place of an input's value in the request, as a JSON pointer. */
export function pointerOf(input: HTMLInputElement): string {
  return input.dataset['pointer'] ?? ''
}

/** Puts each fault beside its field and goes to the first. */
export function showFaults(inputs: HTMLInputElement[], faults: Map<string, string>): void {
  let first: HTMLInputElement | undefined
  for (const input of inputs) {
    const fault = faults.get(pointerOf(input))
    const field = input.closest('.field')
    field?.querySelector('.error')?.remove()
    input.removeAttribute('aria-invalid')
    input.removeAttribute('aria-describedby')
    if (!fault) continue
    const line = element('p', asSentence(input, fault), 'error')
    line.id = `${input.id}-error`
    field?.append(line)
    input.setAttribute('aria-invalid', 'true')
    input.setAttribute('aria-describedby', line.id)
    input.closest('details')?.setAttribute('open', '')
    first ??= input
  }
  first?.focus()
}

/** The server says what is wrong with a value, as in “is in use”; a person reads it with the field's name. */
function asSentence(input: HTMLInputElement, fault: string): string {
  const label = input.labels?.[0]?.textContent ?? ''
  const says = /^(is|are|has|may|must|does|cannot|needs|takes)\b/.test(fault)
  const text = says && label ? `${label} ${fault}` : fault
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Lets the page's button show and hide what is typed into a password's input. */
export function revealByButton(input: HTMLInputElement): void {
  const toggle = byId('show-password', HTMLButtonElement)
  toggle.addEventListener('click', () => {
    const show = input.type === 'password'
    input.type = show ? 'text' : 'password'
    toggle.textContent = show ? 'Hide' : 'Show'
    toggle.setAttribute('aria-pressed', String(show))
  })
}

export function showNotice(heading: string, lines: string[]): void {
  const notice = byId('notice', HTMLDivElement)
  const shown = lines.filter((line) => line !== '').map((line) => element('p', line))
  notice.replaceChildren(element('strong', heading), ...shown)
  notice.hidden = false
  notice.scrollIntoView({ block: 'nearest' })
}
