import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { TextInput } from '../../form/fields'
import { textOf } from '../../form/values'
import { useConfirm } from '../../ui/confirm'
import type { Settings } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

/** Where clients and browsers find the service. */
export function AddressSection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const confirm = useConfirm()
  const api = useSection(settings, {
    schema: z.object({ endpoint_host: z.string(), panel_url: z.string() }),
    values: ({ endpoint_host, panel_url }) => ({ endpoint_host: endpoint_host ?? '', panel_url: panel_url ?? '' }),
    body: (values) => ({ endpoint_host: textOf(values.endpoint_host), panel_url: textOf(values.panel_url) }),
    check: async (change, before) => {
      if (change.endpoint_host === undefined || !before.endpoint_host) return change
      const sure = await confirm({ title: t('address.changeTitle'), text: t('address.changeText'), act: t('common:act.save') })
      return sure ? change : undefined
    },
  })
  return (
    <SettingsSection title={t('address.title')} api={api}>
      <TextInput name="endpoint_host" ltr label={t('address.endpoint')} hint={t('address.endpointHint')} placeholder="vpn.example.org" />
      <TextInput name="panel_url" ltr inputMode="url" label={t('address.panel')} hint={t('address.panelHint')} placeholder="https://vpn.example.org" />
    </SettingsSection>
  )
}
