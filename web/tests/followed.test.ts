import { expect, test } from 'vitest'

import type { Device } from '../src/api/types.ts'
import { followed } from '../src/features/devices/followed.ts'

const row = (last: string | null, used: number) => ({ name: 'laptop', last_handshake_at: last, used_bytes: used }) as Device
const told = (last: string | null, rx: number, tx: number) => ({ last_handshake_at: last, rx_bytes: rx, tx_bytes: tx })

test('a row of which nothing was told is as it was read', () => {
  const read = row('2026-01-01T00:00:00Z', 5)
  expect(followed(read, undefined)).toBe(read)
})

test('a row follows what was told since', () => {
  expect(followed(row(null, 0), told('2026-01-01T00:00:00Z', 3, 4))).toMatchObject({ last_handshake_at: '2026-01-01T00:00:00Z', used_bytes: 7 })
  expect(followed(row('2026-01-01T00:00:00Z', 7), told('2026-01-01T00:02:00.000Z', 30, 40))).toMatchObject({ last_handshake_at: '2026-01-01T00:02:00.000Z', used_bytes: 70 })
})

test('what was told before the row was read takes nothing back', () => {
  expect(followed(row('2026-01-01T00:02:00Z', 70), told('2026-01-01T00:00:00Z', 3, 4))).toMatchObject({ last_handshake_at: '2026-01-01T00:02:00Z', used_bytes: 70 })
  expect(followed(row('2026-01-01T00:02:00Z', 70), told(null, 0, 0))).toMatchObject({ last_handshake_at: '2026-01-01T00:02:00Z' })
})
