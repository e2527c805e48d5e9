import type { Schema } from '../api/types'

/** In which languages letters come, each by its own name; they are other ones than the panel's. */
export const LETTER_LANGUAGES = [
  ['en', 'English'],
  ['de', 'Deutsch'],
  ['ru', 'Русский'],
  ['zh', '简体中文'],
] as const satisfies readonly (readonly [Schema<'Language'>, string])[]
