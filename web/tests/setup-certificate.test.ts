// The wizard while its certificate is fetched: it follows the server where that tells, and asks where it does not.

import { act, cleanup, configure, fireEvent, render, screen } from '@testing-library/react'
import { createElement } from 'react'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'

import { Providers, queryClient } from '../src/app/providers'
import { CertificatePart } from '../src/features/setup/certificate'
import { loadPanelTexts, startI18n } from '../src/i18n'

const NAME = 'vpn.example.org'
const PATH = `/api/v1/certificates/${NAME}`
const AT = new Date().toISOString()

let asked: string[]
let lines: string[]
let state: string
let isAway: boolean
let line: Line

interface Line extends EventTarget {
  readyState: number
}

/** The line to the server, which the test opens or breaks. */
function openLine(): Line {
  line = Object.assign(new EventTarget(), { readyState: 0, close: () => {} })
  return line
}

// A busy machine takes seconds to draw the first page.
configure({ asyncUtilTimeout: 15_000 })
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  await startI18n('en')
  await loadPanelTexts()
})
beforeEach(() => {
  asked = []
  lines = ['attempt_started']
  state = 'pending'
  isAway = false
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  vi.stubGlobal('EventSource', vi.fn(openLine))
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname } = new URL(request.url)
    asked.push(pathname)
    if (pathname.startsWith(PATH) && isAway) return answer({ status: 403, code: 'forbidden', detail: 'not from there' }, 403)
    if (pathname === PATH) return answer({ name: NAME, source: 'acme', state, failures: 0 })
    if (pathname === `${PATH}/log`) return answer({ items: lines.map((kind, at) => ({ position: at + 1, at: AT, kind, outcome: 'done', about: NAME })) })
    return answer({ tls_names: [], acme: {}, panel_url: 'https://vpn.example.org', revision: 1 })
  })
})
afterEach(() => {
  cleanup()
  queryClient.clear()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function answer(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', date: new Date(AT).toUTCString() } })
}

async function order(): Promise<void> {
  const made = { login: 'ada', password: 'x', endpointHost: NAME, authority: 'https://acme.example/dir' } as never
  render(createElement(Providers, null, createElement(CertificatePart, { made, onSignedIn: () => {} })))
  fireEvent.click(await screen.findByRole('button', { name: 'Fetch a certificate' }))
  await screen.findByText(/^Attempt begun/)
}

const read = (path: string) => asked.filter((each) => each === path).length

/** Lets time pass for what the page does again and again, and what follows from it come to its end. */
async function pass(ms: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(ms)
    await new Promise((resolve) => setTimeout(resolve, 100))
  })
}

test('where the server refuses to tell, the page asks until the certificate is there and its log at its end', async () => {
  await order()
  line.readyState = 2
  act(() => void line.dispatchEvent(new Event('error')))
  state = 'valid'
  lines.push('certificate_received')
  await pass(5000)
  expect(screen.getByText('The certificate is there.')).toBeTruthy()

  lines.push('certificate_activated')
  await pass(5000)
  expect(screen.getByText('Certificate in force')).toBeTruthy()

  const before = asked.length
  await pass(60_000)
  expect(asked).toHaveLength(before)
})

test('where the server tells, the page does not ask', async () => {
  await order()
  act(() => void line.dispatchEvent(new Event('open')))
  await pass(60_000)

  // Once when it is shown, and once when the line is open: what came between was told to nobody.
  expect([read(PATH), read(`${PATH}/log`)]).toEqual([2, 2])
})

test('the log stays when it cannot be read again, with one sentence about that and another try', async () => {
  await order()
  isAway = true
  act(() => void line.dispatchEvent(new Event('open')))
  const again = await screen.findByRole('button', { name: 'Try again' })

  expect(screen.getAllByText('Not from there.')).toHaveLength(1)
  expect(screen.getByText(/^Attempt begun/)).toBeTruthy()

  const before = read(`${PATH}/log`)
  isAway = false
  fireEvent.click(again)
  await pass(0)
  expect(read(`${PATH}/log`)).toBe(before + 1)
})
