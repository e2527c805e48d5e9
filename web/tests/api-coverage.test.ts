// Every act that the API knows can be done in the panel, or it says here why not.

import { readFileSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

import { openapi } from '../generate.js'

const SOURCES = resolve(import.meta.dirname, '../src')
const PREFIX = '/api/v1'

/** Operations that no page calls, each with the reason. */
const NOT_FOR_PAGES: Record<string, string> = {
  session_refresh: 'a browser holds its session in a cookie, which needs no second token',
  session_end: 'ends a session by its refresh token, which a browser gives up when it takes the cookie; signing out deletes the session',
  sign_in_callback: 'the identity provider sends the browser there itself',
  setup_link_create: 'only the machine’s administrator makes one: `caspervpn setup-link`',
  event_listen: 'a stream of events, which EventSource opens and not a request of the client',
}

const called = new Set(
  readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes('generated'))
    .flatMap((name) => [...readFileSync(resolve(SOURCES, name), 'utf8').matchAll(/\bapi\.(GET|POST|PUT|PATCH|DELETE)\(\s*'([^']+)'/g)])
    .map(([, method, path]) => `${method} ${path}`),
)

interface Operation {
  id: string
  call: string
}

// The document is our own server's; its tests hold it to the shape of OpenAPI.
const paths = openapi().paths as Record<string, Record<string, { operationId: string }>>
const operations: Operation[] = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId }]) => ({ id: operationId, call: `${method.toUpperCase()} ${path.slice(PREFIX.length)}` })),
)

test('every operation of the API is done by a page, or says why not', () => {
  const missing = operations.filter(({ id, call }) => !called.has(call) && !(id in NOT_FOR_PAGES))

  expect(missing.map(({ id, call }) => `${id}: ${call}`)).toEqual([])
})

test('no operation is done by a page and excused from it', () => {
  expect(operations.filter(({ id, call }) => called.has(call) && id in NOT_FOR_PAGES).map(({ id }) => id)).toEqual([])
})

test('pages call nothing that the API does not have', () => {
  const known = new Set(operations.map(({ call }) => call))

  expect([...called].filter((call) => !known.has(call))).toEqual([])
})
