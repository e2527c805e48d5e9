// What the lines of a log say together.

import type { Schema } from '../../api/types'

export type LogLine = Schema<'CertificateLogLineView'>

/** The lines as they were read, and when that was, by the server's clock and by the one here. */
export interface ReadLog {
  lines: readonly LogLine[]
  toldAtMs: number
  readAtMs: number
}

/** With these an attempt is over. */
const ENDS: ReadonlySet<LogLine['kind']> = new Set(['certificate_activated', 'attempt_failed', 'attempt_interrupted'])

/** An authority may take two minutes to look. After more, whoever worked on the order is gone. */
const QUIET_MS = 150_000

/** Where no line tells what happens, this often a page asks that waits for a certificate. */
const ASKED_EVERY_MS = 5000

/** Whether somebody works on an order now. No time of one clock is compared with one of the other: either may be wrong. */
export function isUnderWay({ lines, toldAtMs, readAtMs }: ReadLog, nowMs: number): boolean {
  const last = lines.at(-1)
  if (last === undefined || ENDS.has(last.kind)) return false
  return toldAtMs - Date.parse(last.at) + (nowMs - readAtMs) < QUIET_MS
}

/** When a page that waits for something asks again by itself: never where it is told, or has nothing to wait for. */
export function askAgainMs({ isTold, waits }: { isTold: boolean; waits: boolean }): number | false {
  return waits && !isTold && ASKED_EVERY_MS
}

/** The lines without what the line before says already: that an attempt failed is told with the refusal that it failed by. */
export function withoutEchoes(lines: readonly LogLine[]): LogLine[] {
  return lines.map((line, place) => {
    const before = lines[place - 1]?.detail
    return before && line.kind === 'attempt_failed' && line.detail?.includes(before) ? { ...line, detail: null } : line
  })
}
