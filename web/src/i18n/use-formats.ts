import { useTranslation } from 'react-i18next'

import { formats, type Formats } from '../lib/format'

/** Numbers and times in the language of the page. */
export function useFormats(): Formats {
  return formats(useTranslation().i18n.language)
}
