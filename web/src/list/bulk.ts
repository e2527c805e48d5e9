// One act on many rows: a few at a time, each with its own end, so that one refusal stops nothing else.

export interface BulkEnd<Row> {
  done: Row[]
  failed: { row: Row; error: unknown }[]
}

/** Which rows an act changes. The others are as wanted already: they are left alone, by its undoing too. */
export function sift<Row>(rows: readonly Row[], needed: (row: Row) => boolean = () => true): { meant: Row[]; already: number } {
  const meant = rows.filter(needed)
  return { meant, already: rows.length - meant.length }
}

/** Requests under way at once: enough to hide the way to the server, few enough for its limits. */
const AT_ONCE = 4

export async function forEach<Row>(rows: readonly Row[], act: (row: Row) => Promise<unknown>, onProgress: (ended: number) => void = () => {}): Promise<BulkEnd<Row>> {
  const end: BulkEnd<Row> = { done: [], failed: [] }
  const waiting = [...rows]
  async function work(): Promise<void> {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      try {
        // eslint-disable-next-line no-await-in-loop -- a worker does one thing after another
        await act(row)
        end.done.push(row)
      } catch (error) {
        end.failed.push({ row, error })
      }
      onProgress(end.done.length + end.failed.length)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return end
}
