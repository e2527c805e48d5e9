/** How high a chart is, in pixels: its place is kept while it is fetched. */
export const CHART_PX = 240

/** What moved on a day: `rx` is what the service received, so what a device sent. */
export interface DayTraffic {
  date: string
  rx_bytes: number
  tx_bytes: number
}

/** Days are counted in UTC, so they are written in UTC wherever the reader is. */
export function dayWords(language: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', timeZone: 'UTC' })
}
