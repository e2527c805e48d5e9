// Between a moment as the API has it (RFC 3339 in UTC) and as a field of the browser has it: the reader's own time.

/** The last one that has a year of four digits, as the API wants it. */
export const LAST_LOCAL = '9999-12-31T23:59'

/** Empty where it is no moment. */
export function toLocal(moment: string): string {
  const date = new Date(moment)
  if (Number.isNaN(date.getTime())) return ''
  // By the parts and not by the offset: long ago, places had offsets of odd seconds.
  const [month, day, hours, minutes] = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, '0'))
  return `${String(date.getFullYear()).padStart(4, '0')}-${month}-${day}T${hours}:${minutes}`
}

/** Empty where it is none yet. */
export function toMoment(local: string): string {
  const date = new Date(local)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}
