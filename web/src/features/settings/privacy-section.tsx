import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { SwitchInput, TextInput } from '../../form/fields'
import { useConfirm } from '../../ui/confirm'
import type { Settings, SettingsChange } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

const DAYS = ['usage_retention_days', 'audit_retention_days', 'audit_source_days'] as const

/** What is known about people, and for how long. */
export function PrivacySection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const confirm = useConfirm()
  const days = z.string().regex(/^\s*\d+\s*$/, t('privacy.daysNeeded'))
  const api = useSection(settings, {
    schema: z.object({ show_endpoints: z.boolean(), usage_retention_days: days, audit_retention_days: days, audit_source_days: days }),
    values: (now) => ({
      show_endpoints: now.show_endpoints,
      usage_retention_days: String(now.usage_retention_days),
      audit_retention_days: String(now.audit_retention_days),
      audit_source_days: String(now.audit_source_days),
    }),
    body: (values) => ({
      show_endpoints: values.show_endpoints,
      usage_retention_days: Number(values.usage_retention_days),
      audit_retention_days: Number(values.audit_retention_days),
      audit_source_days: Number(values.audit_source_days),
    }),
    check: async (change, before) => {
      if (!forgets(change, before)) return change
      const sure = await confirm({ title: t('privacy.forgetTitle'), text: t('privacy.forgetText'), act: t('common:act.save'), destructive: true })
      return sure ? change : undefined
    },
  })
  return (
    <SettingsSection title={t('privacy.title')} api={api}>
      <SwitchInput name="show_endpoints" label={t('privacy.endpoints')} hint={t('privacy.endpointsHint')} />
      {DAYS.map((name) => (
        <TextInput key={name} name={name} inputMode="numeric" end={t('privacy.days')} label={t(`privacy.${name}`)} hint={t(`privacy.hint.${name}`)} />
      ))}
    </SettingsSection>
  )
}

/** Whether something that is kept now would be removed. */
function forgets(change: SettingsChange, before: Settings): boolean {
  return DAYS.some((name) => (change[name] ?? before[name]) < before[name])
}
