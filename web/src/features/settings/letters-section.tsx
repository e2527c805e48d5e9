import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { SelectInput } from '../../form/fields'
import { LETTER_LANGUAGES } from '../../i18n/letter-languages'
import type { Settings } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

/** Each by the name it gives itself: they are languages of letters, more than those of the pages. */
export function LettersSection({ settings }: { settings: Settings }) {
  const { t } = useTranslation('settings')
  const api = useSection(settings, {
    schema: z.object({ language: z.enum(['en', 'de', 'es', 'fa', 'ru', 'zh']) }),
    values: ({ language }) => ({ language }),
    body: (values) => values,
  })
  return (
    <SettingsSection title={t('letters.title')} api={api}>
      <SelectInput name="language" label={t('letters.language')} hint={t('letters.hint')} options={LETTER_LANGUAGES} />
    </SettingsSection>
  )
}
