// What the steps of a certificate's orders say together, and that each has its words.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { QueryClient } from '@tanstack/react-query'
import { afterEach, expect, test, vi } from 'vitest'

import { openapi } from '../generate.js'
import { askAgainMs, isUnderWay, type LogLine, type ReadLog, withoutEchoes } from '../src/features/certificates/log-lines'
import { certificateLogQuery } from '../src/features/certificates/queries'

const AT = '2026-01-31T12:00:00Z'
const NOW = Date.parse(AT)

function line(kind: LogLine['kind'], detail: string | null = null): LogLine {
  return { position: 1, at: AT, kind, outcome: 'done', about: 'vpn.example.org', detail, then_at: null }
}

/** Read a while after its last line, where the clock here may be wrong. */
function readLog(lines: LogLine[], { ageMs = 0, clockOffMs = 0 } = {}): ReadLog {
  return { lines, toldAtMs: NOW + ageMs, readAtMs: NOW + ageMs + clockOffMs }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

test('an order is under way until its attempt ends', () => {
  expect(isUnderWay(readLog([]), NOW)).toBe(false)
  expect(isUnderWay(readLog([line('attempt_failed'), line('attempt_started')]), NOW + 1000)).toBe(true)
  for (const end of ['certificate_activated', 'attempt_failed', 'attempt_interrupted'] as const) {
    expect(isUnderWay(readLog([line('attempt_started'), line(end)]), NOW), end).toBe(false)
  }
})

test('an order of which nothing was heard for minutes is nobody’s', () => {
  expect(isUnderWay(readLog([line('challenge_submitted')]), NOW + 120_000)).toBe(true)
  expect(isUnderWay(readLog([line('challenge_submitted')]), NOW + 180_000)).toBe(false)
})

test.each([-86_400_000, 0, 86_400_000])('a clock here that is %i ms off changes nothing about it', (clockOffMs) => {
  const read = readLog([line('challenge_submitted')], { ageMs: 100_000, clockOffMs })
  const old = readLog([line('challenge_submitted')], { ageMs: 3_600_000, clockOffMs })

  expect(isUnderWay(read, read.readAtMs + 40_000)).toBe(true)
  expect(isUnderWay(read, read.readAtMs + 60_000)).toBe(false)
  expect(isUnderWay(old, old.readAtMs)).toBe(false)
})

test('a log comes with the time at which the server gave it, or with the time here', async () => {
  const headers = new Headers({ 'content-type': 'application/json', date: 'Sat, 31 Jan 2026 12:01:00 GMT' })
  vi.stubGlobal('fetch', async () => new Response(JSON.stringify({ items: [line('attempt_started')] }), { headers }))
  const client = new QueryClient()

  const read = await client.fetchQuery(certificateLogQuery('a.example'))
  headers.delete('date')
  const undated = await client.fetchQuery(certificateLogQuery('b.example'))

  expect(read).toMatchObject({ lines: [line('attempt_started')], toldAtMs: NOW + 60_000 })
  expect(Math.abs(read.readAtMs - Date.now())).toBeLessThan(60_000)
  expect(undated.toldAtMs).toBe(undated.readAtMs)
})

test('only who waits, and is not told, asks again', () => {
  const asks = [true, false].map((isTold) => [true, false].map((waits) => askAgainMs({ isTold, waits })))

  expect(asks).toEqual([[false, false], [5000, false]])
})

test('a failure does not repeat the refusal that it came from, and keeps what else there is to say', () => {
  const refused = line('challenge_invalid', '404 at 192.0.2.1 (unauthorized)')
  const failed = line('attempt_failed', 'the proof for vpn.example.org was not accepted: 404 at 192.0.2.1 (unauthorized)')
  const another = line('attempt_failed', 'the database is away')

  expect(withoutEchoes([refused, failed, another]).map(({ detail }) => detail)).toEqual([refused.detail, null, another.detail])
})

test('each kind of step has its words', () => {
  // The document is our own server's; its tests hold it to its shape.
  const { enum: kinds } = openapi().components.schemas.StepKind as { enum: string[] }
  const { log } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../src/i18n/locales/en/certificates.json'), 'utf8'))

  expect(Object.keys(log.kind).toSorted()).toEqual(kinds.toSorted())
})
