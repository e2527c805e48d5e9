// The pages behind links that set a password or make an account: when they spend the link, and what they say.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

/** Opens a page by a link; the server answers with this. */
async function open(name: 'reset' | 'invite', fragment: string, answer: () => Response) {
  const page = readFileSync(resolve(import.meta.dirname, `../${name}.html`), 'utf8')
  const parsed = new DOMParser().parseFromString(page, 'text/html')
  document.body.replaceChildren(...parsed.body.childNodes)
  location.hash = fragment
  const server = vi.fn((_path: string, _request: RequestInit) => Promise.resolve(answer()))
  vi.stubGlobal('fetch', server)
  await (name === 'reset' ? import('../src/reset.ts') : import('../src/invite.ts'))
  return server
}

function fill(fields: Record<string, string>): void {
  for (const [id, value] of Object.entries(fields)) {
    const input = document.querySelector<HTMLInputElement>(`#${id}`)
    if (input) input.value = value
  }
  document.querySelector('form')?.dispatchEvent(new Event('submit'))
}

const shown = (id: string): boolean => document.querySelector<HTMLElement>(id)?.hidden === false

test('looking at a page spends nothing, and the button sends the token with the password', async () => {
  const server = await open('reset', '#cvw_token', () => new Response(null, { status: 204 }))
  expect(server).not.toHaveBeenCalled()

  fill({ password: 'correct horse battery' })
  await vi.waitFor(() => expect(shown('#result')).toBe(true))

  expect(server.mock.calls[0]?.[0]).toBe('/api/v1/password-resets/redeem')
  expect(JSON.parse(String(server.mock.calls[0]?.[1].body))).toEqual({ token: 'cvw_token', password: 'correct horse battery' })
  expect(document.querySelector('form')).toBeNull()
  expect(location.hash).toBe('')
})

test('an invite leaves out a name that was not given, and marks a login that is taken', async () => {
  const problem = { title: 'Conflict', detail: 'taken', errors: [{ pointer: '/login', detail: 'another user has this login' }] }
  const server = await open('invite', '#cvi_token', () => Response.json(problem, { status: 409 }))

  fill({ login: 'ada', password: 'correct horse battery' })
  await vi.waitFor(() => expect(shown('#notice')).toBe(true))

  expect(JSON.parse(String(server.mock.calls[0]?.[1].body))).toEqual({ token: 'cvi_token', login: 'ada', password: 'correct horse battery' })
  expect(document.querySelector('#login-error')?.textContent).toBe('Another user has this login')
  expect(document.querySelector('form')).not.toBeNull()
})

test('a spent link says so and asks for nothing more', async () => {
  const problem = { title: 'Conflict', detail: 'this link was used', code: 'link_spent' }
  await open('reset', '#cvw_token', () => Response.json(problem, { status: 409 }))

  fill({ password: 'correct horse battery' })
  await vi.waitFor(() => expect(shown('#notice')).toBe(true))

  expect(document.querySelector('#notice')?.textContent).toContain('this link was used')
  expect(document.querySelector('form')).toBeNull()
})

test('a link without its token is called incomplete', async () => {
  await open('invite', '', () => Response.json({}))

  expect(shown('#notice')).toBe(true)
  expect(shown('#form')).toBe(false)
})
