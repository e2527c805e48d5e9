import { expect, test } from 'vitest'

import { ending, extended, isOnline } from '../src/features/devices/time-left.ts'

const NOW = Date.parse('2026-06-15T12:00:00Z')
const DAY_MS = 86_400_000
const at = (days: number) => new Date(NOW + days * DAY_MS).toISOString()
const times = (expires: string | null, days: number | null, used: string | null = null) => ({
  expires_at: expires,
  duration_s: days === null ? null : days * 86_400,
  first_handshake_at: used,
})

test('a device without times never ends', () => {
  expect(ending(times(null, null), NOW)).toEqual({ kind: 'never' })
})

test('time from the first use has not begun before it', () => {
  expect(ending(times(null, 30), NOW)).toEqual({ kind: 'fromUse', seconds: 30 * 86_400 })
})

test('the earlier of both ends counts', () => {
  expect(ending(times(at(20), 30, at(-20)), NOW)).toEqual({ kind: 'ends', at: at(10) })
  expect(ending(times(at(5), 30, at(-1)), NOW)).toEqual({ kind: 'soon', at: at(5) })
})

test('a moment that has passed is over, a week before it is soon', () => {
  expect(ending(times(at(0), null), NOW).kind).toBe('over')
  expect(ending(times(at(6.9), null), NOW).kind).toBe('soon')
  expect(ending(times(at(7), null), NOW).kind).toBe('ends')
})

test('more days follow the end that is there', () => {
  expect(extended(times(at(3), null), 30, NOW)).toEqual({ expires_at: at(33) })
})

test('more days begin now where the time is over', () => {
  expect(extended(times(at(-10), null), 30, NOW)).toEqual({ expires_at: at(30) })
  expect(extended(times(null, 10, at(-50)), 30, NOW)).toEqual({ duration_s: 80 * 86_400 })
})

test('time from the first use grows by the days', () => {
  expect(extended(times(null, 10), 30, NOW)).toEqual({ duration_s: 40 * 86_400 })
  expect(extended(times(null, 10, at(-5)), 30, NOW)).toEqual({ duration_s: 40 * 86_400 })
})

test('both ends grow, so that neither cuts the other short', () => {
  expect(extended(times(at(1), 10, at(-9)), 1, NOW)).toEqual({ expires_at: at(2), duration_s: 11 * 86_400 })
})

test('a device without an end stays without one', () => {
  expect(extended(times(null, null), 30, NOW)).toBeUndefined()
})

test('time of use stays within what the API takes', () => {
  expect(extended(times(null, 3600), 3600, NOW)).toEqual({ duration_s: 315_360_000 })
})

test('a device is online for three minutes after a handshake', () => {
  expect(isOnline(new Date(NOW - 179_000).toISOString(), NOW)).toBe(true)
  expect(isOnline(new Date(NOW - 180_000).toISOString(), NOW)).toBe(false)
  expect(isOnline(null, NOW)).toBe(false)
})
