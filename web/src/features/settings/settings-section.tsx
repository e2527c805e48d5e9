// The frame of a section of the settings: its fields, what went wrong, and its own button to save.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { type ReactNode, useContext, useEffect } from 'react'
import type { FieldValues } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { Form, FormFault } from '../../form/form'
import type { ApiForm } from '../../form/use-api-form'
import { useCan } from '../../session/use-me'
import { Section } from '../../ui/parts'
import { Unsaved } from './unsaved'

interface SettingsSectionProps<Values extends FieldValues> {
  title: string
  lead?: string
  api: ApiForm<Values>
  children: ReactNode
  /** What stands under the form and is no part of it. */
  after?: ReactNode
}

export function SettingsSection<Values extends FieldValues>({ title, lead, api, children, after }: SettingsSectionProps<Values>) {
  const { t } = useTranslation(['settings', 'common'])
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
      <Form api={api} label={title}>
        <Stack component="fieldset" disabled={!mayChange} sx={{ border: 0, m: 0, p: 0, gap: 2, maxWidth: '40rem', minWidth: 0 }}>
          <FormFault api={api} />
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
      </Form>
      {after}
    </Section>
  )
}
