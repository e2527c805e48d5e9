// The settings of the service, in sections that are saved each by itself.

import Alert from '@mui/material/Alert'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useLeaveGuard } from '../../app/use-leave-guard'
import { useCan } from '../../session/use-me'
import { useConfirm } from '../../ui/confirm'
import { PageHeader } from '../../ui/parts'
import { AccessSection } from './access-section'
import { AddressSection } from './address-section'
import { CertificateSection } from './certificate-section'
import { LettersSection } from './letters-section'
import { MailSection } from './mail-section'
import { PrivacySection } from './privacy-section'
import { settingsQuery } from './queries'
import { SecuritySection } from './security-section'
import { Unsaved } from './unsaved'

export function Component() {
  const { t } = useTranslation(['settings', 'common'])
  const { data: settings } = useSuspenseQuery(settingsQuery)
  const can = useCan()
  const confirm = useConfirm()
  const [typed, setTyped] = useState<ReadonlySet<string>>(new Set())
  const report = useCallback((section: string, isTyped: boolean) => {
    setTyped((before) => {
      if (before.has(section) === isTyped) return before
      const after = new Set(before)
      if (isTyped) after.add(section)
      else after.delete(section)
      return after
    })
  }, [])
  useLeaveGuard(typed.size > 0, () => confirm({ title: t('common:form.leaveTitle'), text: t('common:form.leaveText'), act: t('common:form.leave') }))
  return (
    <Unsaved value={report}>
      <PageHeader title={t('title')} />
      {!can('settings_update') && (
        <Alert severity="info" sx={{ mb: 2 }}>
          {t('readOnly')}
        </Alert>
      )}
      <AddressSection settings={settings} />
      <CertificateSection settings={settings} />
      <MailSection settings={settings} />
      <LettersSection settings={settings} />
      <SecuritySection settings={settings} />
      <AccessSection settings={settings} />
      <PrivacySection settings={settings} />
    </Unsaved>
  )
}
