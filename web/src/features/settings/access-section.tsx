import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { SwitchInput, TextInput } from '../../form/fields'
import { linesOf, listOf } from '../../form/values'
import { useConfirm } from '../../ui/confirm'
import type { Settings } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

/** From where the service is reached, and what it may call. */
export function AccessSection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const confirm = useConfirm()
  const api = useSection(settings, {
    schema: z.object({ api_allowed_from: z.string(), api_only_from_vpn: z.boolean(), login_unlimited_from: z.string(), outgoing_allowed: z.string() }),
    values: (now) => ({
      api_allowed_from: linesOf(now.api_allowed_from),
      api_only_from_vpn: now.api_only_from_vpn,
      login_unlimited_from: linesOf(now.login_unlimited_from),
      outgoing_allowed: linesOf(now.outgoing_allowed),
    }),
    body: (values) => ({
      api_allowed_from: listOf(values.api_allowed_from),
      api_only_from_vpn: values.api_only_from_vpn,
      login_unlimited_from: listOf(values.login_unlimited_from),
      outgoing_allowed: listOf(values.outgoing_allowed),
    }),
    insist: async ({ code }, change) => {
      if (code !== 'would_shut_you_out') return undefined
      const sure = await confirm({ title: t('access.shutTitle'), text: t('access.shutText'), act: t('access.shutAct'), destructive: true })
      return sure ? { ...change, force: true } : undefined
    },
  })
  return (
    <SettingsSection title={t('access.title')} api={api}>
      <SwitchInput name="api_only_from_vpn" label={t('access.onlyVpn')} hint={t('access.onlyVpnHint')} />
      <TextInput name="api_allowed_from" ltr multiline minRows={2} label={t('access.from')} hint={t('access.fromHint')} placeholder="192.0.2.0/24" />
      <TextInput name="login_unlimited_from" ltr multiline minRows={2} label={t('access.unlimited')} hint={t('access.unlimitedHint')} />
      <TextInput name="outgoing_allowed" ltr multiline minRows={2} label={t('access.outgoing')} hint={t('access.outgoingHint')} />
    </SettingsSection>
  )
}
