// Takes a list out as a file for spreadsheets: RFC 4180, with a mark by which Excel knows UTF-8.

import type { Asked, Page } from '../api/types'

export interface CsvColumn<Row> {
  header: string
  text: (row: Row) => string | number | boolean | null | undefined
}

export function toCsv<Row>(rows: readonly Row[], columns: readonly CsvColumn<Row>[]): string {
  const lines = [columns.map(({ header }) => header), ...rows.map((row) => columns.map(({ text }) => text(row)))]
  return `\u{feff}${lines.map((line) => line.map(cell).join(',')).join('\r\n')}\r\n`
}

/** A cell that begins like a formula would be run by a spreadsheet (OWASP, CSV injection): a quote makes it text. */
function cell(value: string | number | boolean | null | undefined): string {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The most rows that the API gives at once. */
const ROWS_AT_ONCE = 200

/** Every row of a list, page by page, in its order and with its filters. */
export async function everyRow<Row>(query: Asked, fetchPage: (query: Asked) => Promise<Page<Row>>, onProgress: (rows: number) => void): Promise<Row[]> {
  const rows: Row[] = []
  let after: string | undefined
  do {
    // eslint-disable-next-line no-await-in-loop -- where a page begins is told by the one before
    const page: Page<Row> = await fetchPage({ ...query, limit: ROWS_AT_ONCE, ...(after ? { after } : {}) } as Asked)
    rows.push(...page.items)
    onProgress(rows.length)
    after = page.next ?? undefined
  } while (after)
  return rows
}
