import { useFormContext, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { SelectInput, SwitchInput, TextInput } from '../../form/fields'
import { numberOf, textOf } from '../../form/values'
import type { Settings, SettingsChange } from './queries'
import { SettingsSection } from './settings-section'
import { TestLetter } from './test-letter'
import { useSection } from './use-section'

const schema = z.object({
  on: z.boolean(),
  smtp: z.object({
    host: z.string(),
    port: z.string(),
    security: z.enum(['starttls', 'tls', 'plain']),
    username: z.string(),
    password: z.string(),
    from: z.string(),
    ca_certificate: z.string(),
  }),
})
export type MailValues = z.infer<typeof schema>

export function mailValues({ smtp }: Settings): MailValues {
  return {
    on: Boolean(smtp),
    smtp: {
      host: smtp?.host ?? '',
      port: smtp?.port.toString() ?? '',
      security: smtp?.security ?? 'starttls',
      username: smtp?.username ?? '',
      password: '',
      from: smtp?.from ?? '',
      ca_certificate: smtp?.ca_certificate ?? '',
    },
  }
}

/** The mail server goes as a whole. Its password is not shown, so an empty one is left out, which keeps what is there. */
export function mailBody({ on, smtp }: MailValues): SettingsChange {
  if (!on) return { smtp: null }
  return {
    smtp: {
      host: smtp.host.trim(),
      port: numberOf(smtp.port),
      security: smtp.security,
      username: textOf(smtp.username),
      from: smtp.from.trim(),
      ca_certificate: textOf(smtp.ca_certificate),
      ...(smtp.password === '' ? {} : { password: smtp.password }),
    },
  }
}

/** The server that takes the service's letters. */
export function MailSection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const api = useSection(settings, { schema, values: mailValues, body: mailBody })
  return (
    <SettingsSection title={t('mail.title')} lead={t('mail.lead')} api={api} after={<TestLetter isSetUp={Boolean(settings.smtp)} />}>
      <SwitchInput name="on" label={t('mail.on')} />
      <Server keepsPassword={Boolean(settings.smtp?.username)} />
    </SettingsSection>
  )
}

function Server({ keepsPassword }: { keepsPassword: boolean }) {
  const { t } = useTranslation('settings')
  const { control } = useFormContext<MailValues>()
  const [on, username] = useWatch({ control, name: ['on', 'smtp.username'] })
  if (!on) return null
  return (
    <>
      <TextInput name="smtp.host" ltr label={t('mail.host')} hint={t('mail.hostHint')} placeholder="smtp.example.org" />
      <SelectInput name="smtp.security" label={t('mail.security')} options={(['starttls', 'tls', 'plain'] as const).map((each) => [each, t(`mail.by.${each}`)] as const)} />
      <TextInput name="smtp.port" inputMode="numeric" label={t('mail.port')} hint={t('mail.portHint')} />
      <TextInput name="smtp.from" ltr inputMode="email" label={t('mail.from')} hint={t('mail.fromHint')} placeholder="vpn@example.org" />
      <TextInput name="smtp.username" ltr autoComplete="off" label={t('mail.username')} hint={t('mail.usernameHint')} />
      {username.trim() !== '' && <TextInput name="smtp.password" ltr type="password" autoComplete="new-password" label={t('mail.password')} hint={keepsPassword ? t('keepsSecret') : undefined} />}
      <TextInput name="smtp.ca_certificate" ltr multiline minRows={2} label={t('mail.ca')} hint={t('mail.caHint')} placeholder="-----BEGIN CERTIFICATE-----" />
    </>
  )
}
