// The words for what a diagnosis has found. They come with the page that shows them; other languages bring theirs along.

import i18next from 'i18next'
import type { TFunction } from 'i18next'

import type { Schema } from '../../api/types'
import english from '../../i18n/locales/en/diagnosis.json'
import type { Formats } from '../../lib/format'

type Check = Schema<'CheckView'>

const bringWords = () => void i18next.addResourceBundle('en', 'diagnosis', english)
if (i18next.isInitialized) bringWords()
else i18next.on('initialized', bringWords)

/** Keeps a technical text together, from left to right, within a sentence of any direction (UAX #9: LRI, PDI). */
const isolated = (text: string) => `\u2066${text}\u2069`

/** Values as a sentence shows them: times and sizes in the reader's language, the rest as it is. */
export function shownValues(values: Record<string, string>, formats: Formats): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(name, value, formats)]))
}

function shown(name: string, value: string, formats: Formats): string {
  if (name.endsWith('_at')) return formats.dateTime(value)
  if (name.endsWith('_bytes')) return formats.bytes(Number(value))
  if (name.endsWith('_s')) return formats.number(Number(value))
  // Beside a Latin word, as in "UDP 51820", a number goes by that; alone in an isolate it would change places with it.
  return /^\d+$/.test(value) ? value : isolated(value)
}

export interface Finding {
  found: string
  fix: string | null
  /** Whether the words are the server's own: those of a server that is newer than this page. */
  isForeign: boolean
}

/** What to say of a check. */
export function findingOf(check: Check, t: TFunction, formats: Formats): Finding {
  const values = shownValues(check.values, formats)
  const { code, detail } = check
  const fix = check.fix ?? null
  if (!i18next.exists(`diagnosis:found.${code}`)) return { found: detail, fix, isForeign: true }
  return { found: t(`diagnosis:found.${code}`, values), fix: fix === null ? null : t(`diagnosis:fix.${code}`, { defaultValue: fix, ...values }), isForeign: false }
}
