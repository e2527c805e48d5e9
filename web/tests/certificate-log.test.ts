// What the steps of a certificate's orders say together, and that each has its words.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

import { openapi } from '../generate.js'
import { isUnderWay, type LogLine, withoutEchoes } from '../src/features/certificates/log-lines'

const AT = '2026-01-31T12:00:00Z'
const NOW = Date.parse(AT)

function line(kind: LogLine['kind'], detail: string | null = null): LogLine {
  return { position: 1, at: AT, kind, outcome: 'done', about: 'vpn.example.org', detail, then_at: null }
}

test('an order is under way until its attempt ends', () => {
  expect(isUnderWay([], NOW)).toBe(false)
  expect(isUnderWay([line('attempt_failed'), line('attempt_started')], NOW + 1000)).toBe(true)
  for (const end of ['certificate_activated', 'attempt_failed', 'attempt_interrupted'] as const) {
    expect(isUnderWay([line('attempt_started'), line(end)], NOW), end).toBe(false)
  }
})

test('an order of which nothing was heard for minutes is nobody’s', () => {
  expect(isUnderWay([line('challenge_submitted')], NOW + 120_000)).toBe(true)
  expect(isUnderWay([line('challenge_submitted')], NOW + 180_000)).toBe(false)
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
