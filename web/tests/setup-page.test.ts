// The setup page itself: what a person reads when the server refuses.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { afterEach, expect, test, vi } from 'vitest'

const page = readFileSync(resolve(import.meta.dirname, '../setup.html'), 'utf8')

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

/** Fills the form in, and shows what the page says to the server's answer. */
async function refusedWith(status: number, problem: object): Promise<string> {
  const parsed = new DOMParser().parseFromString(page, 'text/html')
  document.body.replaceChildren(...parsed.body.childNodes)
  location.hash = '#cvs_token'
  const answer = vi.fn(() => Promise.resolve(Response.json(problem, { status })))
  vi.stubGlobal('fetch', answer)
  await import('../src/setup.ts')
  for (const [id, value] of [['owner-login', 'ada'], ['owner-password', 'correct horse battery'], ['endpoint-host', '1.2.3']] as const) {
    const input = document.querySelector<HTMLInputElement>(`#${id}`)
    if (input) input.value = value
  }
  document.querySelector('form')?.dispatchEvent(new Event('submit'))
  await vi.waitFor(() => expect(document.querySelector<HTMLElement>('#notice')?.hidden).toBe(false), 10_000)
  return document.body.textContent ?? ''
}

const times = (text: string, words: string): number => text.split(words).length - 1

test('a refused field is explained once, beside the field', async () => {
  const rule = 'is not a host: give a DNS name'

  const text = await refusedWith(422, {
    title: 'Unprocessable Entity',
    detail: `the field /endpoint/host: ${rule}`,
    errors: [{ pointer: '/endpoint/host', detail: rule }],
  })

  expect(times(text, rule)).toBe(1)
  expect(document.querySelector('#endpoint-host-error')?.textContent).toContain(rule)
  expect(document.querySelector('#notice')?.textContent).toContain('Correct what is marked')
})

test('a spent link is explained once', async () => {
  const detail = 'the setup link was used; `caspervpn setup-link` prints a new one'

  const text = await refusedWith(401, { title: 'Unauthorized', detail })

  expect(times(text, 'setup-link')).toBe(1)
})
