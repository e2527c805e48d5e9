// The settings of the service, in sections that are saved each by itself.

import Alert from '@mui/material/Alert'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { useCan } from '../../session/use-me'
import { PageHeader } from '../../ui/parts'
import { AccessSection } from './access-section'
import { AddressSection } from './address-section'
import { CertificateSection } from './certificate-section'
import { LettersSection } from './letters-section'
import { MailSection } from './mail-section'
import { PrivacySection } from './privacy-section'
import { settingsQuery } from './queries'
import { SecuritySection } from './security-section'

export function Component() {
  const { t } = useTranslation(['settings', 'common'])
  const { data: settings } = useSuspenseQuery(settingsQuery)
  const can = useCan()
  return (
    <>
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
    </>
  )
}
