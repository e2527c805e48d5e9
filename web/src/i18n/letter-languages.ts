import type { Schema } from '../api/types'

/** In which languages letters come, each by its own name; the panel's are among them. */
export const LETTER_LANGUAGES = [
  ['en', 'English'],
  ['de', 'Deutsch'],
  ['es', 'Español'],
  ['fa', 'فارسی'],
  ['ru', 'Русский'],
  ['zh', '简体中文'],
] as const satisfies readonly (readonly [Schema<'Language'>, string])[]
