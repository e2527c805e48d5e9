// Checks the whole audit, part by part: one answer checks for some seconds.

import type { Verification } from './queries'

export async function verifyAll(part: (after: number | undefined) => Promise<Verification>, onProgress: (events: number) => void): Promise<Verification> {
  let sum = await part(undefined)
  onProgress(sum.events)
  while (sum.more && sum.intact) {
    // eslint-disable-next-line no-await-in-loop -- where a part begins is told by the one before
    const next = await part(sum.checked_to ?? undefined)
    sum = { ...next, events: sum.events + next.events, segments: sum.segments + next.segments, pruned_segments: sum.pruned_segments + next.pruned_segments }
    onProgress(sum.events)
  }
  return sum
}
