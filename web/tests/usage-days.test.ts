import { expect, test } from 'vitest'

import { bars, filled, lastDays, sum } from '../src/features/devices/usage-days.ts'
import { sparkPath } from '../src/ui/sparkline.tsx'

const day = (date: string, rx_bytes: number, tx_bytes: number) => ({ date, rx_bytes, tx_bytes })

test('the last days end today, in UTC', () => {
  expect(lastDays(7, Date.parse('2026-03-03T00:30:00+02:00'))).toEqual({ from: '2026-02-24', to: '2026-03-02' })
})

test('days on which nothing moved are there, with nothing', () => {
  const days = filled([day('2024-02-28', 1, 2), day('2024-03-01', 3, 4)], '2024-02-27', '2024-03-01')

  expect(days).toEqual([day('2024-02-27', 0, 0), day('2024-02-28', 1, 2), day('2024-02-29', 0, 0), day('2024-03-01', 3, 4)])
})

test('few days have a bar each', () => {
  const days = filled([], '2026-01-01', '2026-03-31')

  expect(bars(days)).toHaveLength(90)
})

test('a year has a bar for each week, the last one whole, and loses nothing', () => {
  const days = filled([], '2026-01-01', '2026-12-31').map((each, place) => ({ ...each, rx_bytes: place, tx_bytes: 1 }))
  const weeks = bars(days)

  expect(weeks).toHaveLength(53)
  expect(weeks.at(-1)?.date).toBe('2026-12-25')
  expect(sum(weeks)).toEqual(sum(days))
})

test('a small line has its greatest value at the top and nothing at the foot', () => {
  expect(sparkPath([0, 10, 5])).toBe('M0.0 23.0L50.0 1.0L100.0 12.0')
  expect(sparkPath([0, 0])).toBe('M0.0 23.0L100.0 23.0')
})
