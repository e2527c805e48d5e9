// The frame of a section of the settings: its fields, what went wrong, and its own button to save.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { type ReactNode, useContext, useEffect } from 'react'
import { type FieldValues, FormProvider } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { Stale } from '../../form/stale'
import { useCan } from '../../session/use-me'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { Unsaved } from './unsaved'
import type { SectionForm } from './use-section'

interface SettingsSectionProps<Values extends FieldValues> {
  title: string
  lead?: string
  section: SectionForm<Values>
  children: ReactNode
  /** What stands under the form and is no part of it. */
  after?: ReactNode
}

export function SettingsSection<Values extends FieldValues>({ title, lead, section, children, after }: SettingsSectionProps<Values>) {
  const { t } = useTranslation(['settings', 'common'])
  const { api, stale, loadAnew } = section
  const mayChange = useCan()('settings_update')
  const { isDirty } = api.form.formState
  const report = useContext(Unsaved)
  useEffect(() => report(title, isDirty), [report, title, isDirty])
  return (
    <Section title={title}>
      {lead && (
        <Typography color="text.secondary" sx={{ mb: 2 }}>
          {lead}
        </Typography>
      )}
      <FormProvider {...api.form}>
        <form
          noValidate
          aria-label={title}
          onSubmit={(event) => {
            event.preventDefault()
            api.submit()
          }}
        >
          <Stack component="fieldset" disabled={!mayChange} sx={{ border: 0, m: 0, p: 0, gap: 2, maxWidth: '40rem', minWidth: 0 }}>
            {stale ? <Stale onLoad={() => void loadAnew()} /> : api.fault !== undefined && <Fault error={api.fault} />}
            {children}
            {mayChange && (
              <Stack direction="row" sx={{ gap: 2, alignItems: 'center' }}>
                <Button type="submit" variant={isDirty ? 'contained' : 'outlined'} loading={api.busy}>
                  {t('common:act.save')}
                </Button>
                {isDirty && (
                  <Typography variant="body2" color="text.secondary" component="output">
                    {t('notSaved')}
                  </Typography>
                )}
              </Stack>
            )}
          </Stack>
        </form>
      </FormProvider>
      {after}
    </Section>
  )
}
