// Numbers and times as the reader's language writes them. A `Formats` belongs to one language and is kept by it.

export interface Formats {
  bytes(value: number): string
  rate(bytesPerS: number): string
  number(value: number): string
  percent(part: number): string
  dateTime(value: string | number | Date): string
  date(value: string | number | Date): string
  /** To the second, with the day where it is not today. */
  clock(value: string | number | Date, now?: number): string
  /** As "3 minutes ago" or "in 2 days". */
  ago(value: string | number | Date, now?: number): string
  duration(seconds: number): string
}

const kept = new Map<string, Formats>()

export function formats(language: string): Formats {
  let found = kept.get(language)
  if (!found) {
    found = make(language)
    kept.set(language, found)
  }
  return found
}

const STEPS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const
/** What a person calls a unit of time, in seconds. */
const SPANS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600], ['month', 2_629_800], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1],
]

function make(language: string): Formats {
  const scaled = STEPS.map((unit) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short', maximumSignificantDigits: 3 }))
  const number = new Intl.NumberFormat(language)
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' })
  const timeOfDay = new Intl.DateTimeFormat(language, { timeStyle: 'medium' })
  const second = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })

  function bytes(value: number): string {
    const step = value < 1000 ? 0 : Math.min(STEPS.length - 1, Math.floor(Math.log10(value) / 3))
    return scaled[step]?.format(value / 1000 ** step) ?? String(value)
  }
  function ago(value: string | number | Date, now = Date.now()): string {
    const seconds = Math.round((new Date(value).getTime() - now) / 1000)
    const [unit, length] = SPANS.find(([, span]) => Math.abs(seconds) >= span) ?? ['second', 1]
    return relative.format(Math.round(seconds / length), unit)
  }
  function duration(seconds: number): string {
    const [unit, length] = SPANS.find(([, span]) => seconds >= span && seconds % span === 0) ?? SPANS.find(([, span]) => seconds >= span) ?? ['second', 1]
    return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 }).format(seconds / length)
  }
  return {
    bytes,
    rate: (bytesPerS) => `${bytes(bytesPerS)}/s`,
    number: (value) => number.format(value),
    percent: (part) => percent.format(part),
    dateTime: (value) => dateTime.format(new Date(value)),
    date: (value) => date.format(new Date(value)),
    clock: (value, now = Date.now()) => {
      const isToday = new Date(value).toDateString() === new Date(now).toDateString()
      return (isToday ? timeOfDay : second).format(new Date(value))
    },
    ago,
    duration,
  }
}
