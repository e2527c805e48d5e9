// What the lines of a log say together.

import type { Schema } from '../../api/types'

export type LogLine = Schema<'CertificateLogLineView'>

/** With these an attempt is over. */
const ENDS: ReadonlySet<LogLine['kind']> = new Set(['certificate_activated', 'attempt_failed', 'attempt_interrupted'])

/** An authority may take two minutes to look. After more, whoever worked on the order is gone. */
const QUIET_MS = 150_000

/** Whether somebody works on an order now. */
export function isUnderWay(lines: readonly LogLine[], nowMs: number): boolean {
  const last = lines.at(-1)
  return last !== undefined && !ENDS.has(last.kind) && nowMs - Date.parse(last.at) < QUIET_MS
}

/** The lines without what the line before says already: that an attempt failed is told with the refusal that it failed by. */
export function withoutEchoes(lines: readonly LogLine[]): LogLine[] {
  return lines.map((line, place) => {
    const before = lines[place - 1]?.detail
    return before && line.kind === 'attempt_failed' && line.detail?.includes(before) ? { ...line, detail: null } : line
  })
}
