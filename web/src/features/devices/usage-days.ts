// Days of usage for a chart: the API leaves out days on which nothing moved, a chart may not.

import type { Schema } from '../../api/types'

export type UsageDay = Schema<'UsageDay'>

const DAY_MS = 86_400_000
const MOST_BARS = 100

/** A day in UTC, as the API counts them. */
export function dayOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10)
}

/** The last `days` days, today among them. */
export function lastDays(days: number, now: number): { from: string; to: string } {
  return { from: dayOf(now - (days - 1) * DAY_MS), to: dayOf(now) }
}

export function filled(known: readonly UsageDay[], from: string, to: string): UsageDay[] {
  const byDate = new Map(known.map((day) => [day.date, day]))
  const all: UsageDay[] = []
  for (let moment = Date.parse(from); moment <= Date.parse(to); moment += DAY_MS) {
    const date = dayOf(moment)
    all.push(byDate.get(date) ?? { date, rx_bytes: 0, tx_bytes: 0 })
  }
  return all
}

/** Where there are more days than a screen has room for bars, weeks; the last one ends with the last day. */
export function bars(days: readonly UsageDay[]): UsageDay[] {
  if (days.length <= MOST_BARS) return [...days]
  const weeks: UsageDay[] = []
  for (let end = days.length; end > 0; end -= 7) {
    const week = days.slice(Math.max(0, end - 7), end)
    weeks.unshift({ ...sum(week), date: week[0]?.date ?? '' })
  }
  return weeks
}

export function sum(days: readonly UsageDay[]): { rx_bytes: number; tx_bytes: number } {
  let [rx, tx] = [0, 0]
  for (const day of days) {
    rx += day.rx_bytes
    tx += day.tx_bytes
  }
  return { rx_bytes: rx, tx_bytes: tx }
}
