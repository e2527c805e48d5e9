// The pages behind one-time links: when they spend the link, and what they say.

import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { type ComponentType, createElement } from 'react'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'

import { Providers } from '../src/app/providers'
import { Component as Accept } from '../src/features/invites/accept'
import { Component as Redeem } from '../src/features/links/redeem'
import { Component as Reset } from '../src/features/password/reset'
import { startI18n } from '../src/i18n'
import { tokenFromFragment } from '../src/lib/fragment'

let asked: { path: string; cookies: string; body: unknown }[]
let answer: () => Response

// A busy machine takes seconds to draw the first page.
configure({ asyncUtilTimeout: 15_000 })
vi.setConfig({ testTimeout: 30_000 })

beforeAll(() => startI18n('en'))
beforeEach(() => {
  asked = []
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push({ path: new URL(request.url).pathname, cookies: request.credentials, body: await request.json() })
    return answer()
  })
})
afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

function open(Component: ComponentType, fragment: string): void {
  const router = createMemoryRouter([{ path: '*', Component }], { initialEntries: [`/page${fragment}`] })
  render(createElement(Providers, null, createElement(RouterProvider, { router })))
}

function write(label: string, text: string): void {
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } })
}

function press(name: string): void {
  fireEvent.click(screen.getByRole('button', { name }))
}

function refusal(body: object): () => Response {
  return () => Response.json({ title: 'Conflict', ...body }, { status: 409 })
}

test('looking at a page spends nothing, and the button sends the token with the password and no cookie', async () => {
  answer = () => new Response(null, { status: 204 })
  open(Reset, '#cvw_token')
  expect(asked).toEqual([])

  write('New password', 'correct horse battery')
  press('Set password')
  await screen.findByRole('heading', { name: 'Your password is set' })

  expect(asked).toEqual([{ path: '/api/v1/password-resets/redeem', cookies: 'omit', body: { token: 'cvw_token', password: 'correct horse battery' } }])
  expect(location.hash).toBe('')
})

test('an invite leaves out a name that was not given, and marks a login that is taken', async () => {
  answer = refusal({ code: 'taken', detail: 'taken', errors: [{ pointer: '/login', detail: 'another user has this login' }] })
  open(Accept, '#cvi_token')

  write('Login', 'ada')
  write('Password', 'correct horse battery')
  press('Make account')
  await screen.findByText('another user has this login')

  expect(asked[0]?.body).toEqual({ token: 'cvi_token', login: 'ada', password: 'correct horse battery' })
  expect(screen.getByLabelText('Login')).toBeTruthy()
})

test('a password that is too short is not sent', async () => {
  open(Reset, '#cvw_token')

  write('New password', 'short')
  press('Set password')
  await screen.findByText('At least 12 characters.')

  expect(asked).toEqual([])
})

test('a spent link says so and asks for nothing more', async () => {
  answer = refusal({ code: 'link_spent', detail: 'this link was used' })
  open(Redeem, '#cvo_token')

  press('Show configuration')
  await screen.findByText('This link was used.')

  expect(screen.queryByRole('button', { name: 'Show configuration' })).toBeNull()
})

test('a configuration is shown with what to do with it', async () => {
  const key = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='
  answer = () => Response.json({ conf: `# friendly_name = Anna's laptop\n[Interface]\nPrivateKey = ${key}\n`, device_id: 'd', file_name: 'x.conf', client_key: false })
  open(Redeem, '#cvo_token')

  press('Show configuration')

  await waitFor(() => expect(screen.getByRole('button', { name: 'Save Anna-s-laptop.conf' })).toBeTruthy())
  expect(screen.getByRole('img', { name: 'QR code of the configuration' })).toBeTruthy()
})

test('a link without its token is called incomplete', () => {
  open(Accept, '')

  expect(screen.getByText('This link is not complete')).toBeTruthy()
  expect(screen.queryByRole('button', { name: 'Make account' })).toBeNull()
})

test('a token is read from its link as it was written', () => {
  expect(tokenFromFragment('#cvi_a%20b')).toBe('cvi_a b')
  expect(tokenFromFragment('#token=cvi_a')).toBe('cvi_a')
  expect(tokenFromFragment('#%')).toBe('%')
})
