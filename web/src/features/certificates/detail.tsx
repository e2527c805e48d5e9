import Autorenew from '@mui/icons-material/Autorenew'
import Alert from '@mui/material/Alert'
import AlertTitle from '@mui/material/AlertTitle'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'

import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { OrderLog, useOrderLog } from './order-log'
import { type Certificate, certificateQuery, renewCertificate } from './queries'

export function Component() {
  const { t } = useTranslation(['certificates', 'common'])
  const { id: name = '' } = useParams()
  const { data: certificate } = useSuspenseQuery(certificateQuery(name))
  const format = useFormats()
  const when = (moment: string | null | undefined) => (moment ? `${format.dateTime(moment)} (${format.ago(moment)})` : '–')
  return (
    <>
      <PageHeader title={certificate.name} chip={<StateChip state={certificate.state} />} actions={<Renew certificate={certificate} />} />
      {certificate.last_error && (
        <Alert severity="error" sx={{ mb: 2, overflowWrap: 'anywhere' }}>
          <AlertTitle>
            {t('last')} {certificate.last_error_at && format.ago(certificate.last_error_at)}
          </AlertTitle>
          {certificate.last_error}
        </Alert>
      )}
      {certificate.source === 'self-signed' && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('selfSigned')}
        </Alert>
      )}
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.source'), t(`source.${certificate.source}`)],
            [t('field.issuer'), certificate.issuer ?? '–'],
            [t('field.begins'), when(certificate.not_before)],
            [t('field.ends'), when(certificate.not_after)],
            [t('field.nextTry'), certificate.next_try_at ? when(certificate.next_try_at) : undefined],
            [t('field.failures'), certificate.failures > 0 ? format.number(certificate.failures) : undefined],
            [t('field.fingerprint'), certificate.fingerprint ? <CopyText key="fingerprint" text={certificate.fingerprint} /> : '–'],
          ]}
        />
      </Section>
      {certificate.source === 'acme' && <Steps name={name} />}
    </>
  )
}

function Steps({ name }: { name: string }) {
  const { t } = useTranslation('certificates')
  return (
    <Section title={t('log.title')}>
      <OrderLog name={name} order={useOrderLog(name)} />
    </Section>
  )
}

function Renew({ certificate: { name, source } }: { certificate: Certificate }) {
  const { t } = useTranslation(['certificates', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const whyNot = forbidden('certificate_renew') ?? (source === 'acme' ? undefined : t('notOurs'))
  const renew = () => confirmed({ title: t('renewTitle', { name }), text: t('renewText'), act: t('renew') }, () => renewCertificate(name), t('done.renewing', { name }))
  return <Action variant="outlined" icon={<Autorenew />} label={t('renew')} disabledReason={whyNot} onRun={() => void renew()} />
}
