// Days without traffic are missing in the API's answer; a picture of a month needs them.

interface Day {
  date: string
  rx_bytes: number
  tx_bytes: number
}

/** The last days up to today (UTC, as the server counts), oldest first, each with what moved both ways. */
export function lastDays(days: readonly Day[], count: number, today: Date): (Day & { bytes: number })[] {
  const known = new Map(days.map((day) => [day.date, day]))
  return Array.from({ length: count }, (_, place) => {
    const date = new Date(today.getTime() - (count - 1 - place) * 86_400_000).toISOString().slice(0, 10)
    const day = known.get(date) ?? { date, rx_bytes: 0, tx_bytes: 0 }
    return { ...day, bytes: day.rx_bytes + day.tx_bytes }
  })
}

/** Heights against the highest. What moved at all can be seen. */
export function bars(days: readonly { bytes: number }[], height: number): number[] {
  const most = Math.max(0, ...days.map(({ bytes }) => bytes))
  return days.map(({ bytes }) => (bytes === 0 ? 0 : Math.max(1, (height * bytes) / most)))
}
