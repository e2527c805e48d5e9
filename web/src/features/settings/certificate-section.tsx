import Link from '@mui/material/Link'
import { useFormContext, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'
import { z } from 'zod'

import { paths } from '../../app/paths'
import { SelectInput, SwitchInput, TextInput } from '../../form/fields'
import { linesOf, listOf, numberOf, textOf } from '../../form/values'
import type { Settings, SettingsChange } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

const schema = z.object({
  tls_names: z.string(),
  on: z.boolean(),
  acme: z.object({
    terms_agreed: z.boolean(),
    contact: z.string(),
    directory: z.string(),
    method: z.enum(['http-01', 'tls-alpn-01', 'dns-01']),
    profile: z.string(),
    ca_certificate: z.string(),
    eab: z.object({ key_id: z.string(), hmac_key: z.string() }),
    dns: z.object({ host: z.string(), port: z.string(), key_name: z.string(), algorithm: z.enum(['hmac-sha256', 'hmac-sha512']), secret: z.string(), zone: z.string() }),
  }),
})
export type CertificateValues = z.infer<typeof schema>

export function certificateValues({ tls_names, acme }: Settings): CertificateValues {
  return {
    tls_names: linesOf(tls_names),
    on: Boolean(acme),
    acme: {
      terms_agreed: acme?.terms_agreed ?? false,
      contact: acme?.contact ?? '',
      directory: acme?.directory ?? '',
      method: acme?.method ?? 'http-01',
      profile: acme?.profile ?? '',
      ca_certificate: acme?.ca_certificate ?? '',
      eab: { key_id: acme?.eab_key_id ?? '', hmac_key: '' },
      dns: { host: acme?.dns?.host ?? '', port: acme?.dns?.port.toString() ?? '', key_name: acme?.dns?.key_name ?? '', algorithm: acme?.dns?.algorithm ?? 'hmac-sha256', secret: '', zone: acme?.dns?.zone ?? '' },
    },
  }
}

/** The authority goes as a whole. Secrets are not shown, so an empty one is left out, which keeps what is there. */
export function certificateBody({ tls_names, on, acme }: CertificateValues): SettingsChange {
  const { eab, dns } = acme
  const names = listOf(tls_names)
  if (!on) return { tls_names: names, acme: null }
  return {
    tls_names: names,
    acme: {
      terms_agreed: acme.terms_agreed,
      contact: textOf(acme.contact),
      directory: textOf(acme.directory),
      method: acme.method,
      profile: textOf(acme.profile),
      ca_certificate: textOf(acme.ca_certificate),
      eab: eab.key_id.trim() === '' ? null : { key_id: eab.key_id.trim(), ...(eab.hmac_key === '' ? {} : { hmac_key: eab.hmac_key }) },
      dns:
        acme.method !== 'dns-01' || dns.host.trim() === ''
          ? null
          : { host: dns.host.trim(), port: numberOf(dns.port), key_name: dns.key_name.trim(), algorithm: dns.algorithm, zone: textOf(dns.zone), ...(dns.secret === '' ? {} : { secret: dns.secret }) },
    },
  }
}

/** Which names get certificates, and from which authority. */
export function CertificateSection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const api = useSection(settings, { schema, values: certificateValues, body: certificateBody })
  return (
    <SettingsSection
      title={t('acme.title')}
      lead={t('acme.lead')}
      api={api}
      after={
        <Link component={RouterLink} to={paths.certificates.list()} sx={{ display: 'inline-block', mt: 2 }}>
          {t('acme.toCertificates')}
        </Link>
      }
    >
      <TextInput name="tls_names" ltr multiline minRows={2} label={t('acme.names')} hint={t('acme.namesHint')} />
      <SwitchInput name="on" label={t('acme.on')} hint={t('acme.onHint')} />
      <Authority secrets={{ eab: Boolean(settings.acme?.eab_key_id), dns: Boolean(settings.acme?.dns) }} />
    </SettingsSection>
  )
}

function Authority({ secrets }: { secrets: { eab: boolean; dns: boolean } }) {
  const { t } = useTranslation('settings')
  const { control } = useFormContext<CertificateValues>()
  const [on, method, keyId] = useWatch({ control, name: ['on', 'acme.method', 'acme.eab.key_id'] })
  if (!on) return null
  return (
    <>
      <SwitchInput
        name="acme.terms_agreed"
        label={t('acme.terms')}
        hint={
          <>
            {t('acme.termsHint')}{' '}
            <Link underline="always" href="https://letsencrypt.org/repository/" target="_blank" rel="noreferrer">
              letsencrypt.org/repository
            </Link>
          </>
        }
      />
      <TextInput name="acme.contact" ltr inputMode="email" label={t('acme.contact')} hint={t('acme.contactHint')} />
      <TextInput name="acme.directory" ltr inputMode="url" label={t('acme.directory')} hint={t('acme.directoryHint')} placeholder="https://acme-v02.api.letsencrypt.org/directory" />
      <SelectInput name="acme.method" label={t('acme.method')} hint={t(`acme.methodHint.${method}`)} options={(['http-01', 'tls-alpn-01', 'dns-01'] as const).map((each) => [each, each] as const)} />
      {method === 'dns-01' && (
        <>
          <TextInput name="acme.dns.host" ltr label={t('acme.dns.host')} hint={t('acme.dns.hostHint')} />
          <TextInput name="acme.dns.port" inputMode="numeric" label={t('acme.dns.port')} hint={t('acme.dns.portHint')} />
          <TextInput name="acme.dns.key_name" ltr label={t('acme.dns.key')} hint={t('acme.dns.keyHint')} />
          <TextInput name="acme.dns.secret" ltr type="password" autoComplete="off" label={t('acme.dns.secret')} hint={t(secrets.dns ? 'keepsSecret' : 'acme.dns.secretHint')} />
          <SelectInput name="acme.dns.algorithm" label={t('acme.dns.algorithm')} options={(['hmac-sha256', 'hmac-sha512'] as const).map((each) => [each, each] as const)} />
          <TextInput name="acme.dns.zone" ltr label={t('acme.dns.zone')} hint={t('acme.dns.zoneHint')} />
        </>
      )}
      <TextInput name="acme.profile" ltr label={t('acme.profile')} hint={t('acme.profileHint')} />
      <TextInput name="acme.eab.key_id" ltr label={t('acme.eab.key')} hint={t('acme.eab.keyHint')} autoComplete="off" />
      {keyId.trim() !== '' && <TextInput name="acme.eab.hmac_key" ltr type="password" autoComplete="off" label={t('acme.eab.hmac')} hint={t(secrets.eab ? 'keepsSecret' : 'acme.eab.hmacHint')} />}
      <TextInput name="acme.ca_certificate" ltr multiline minRows={2} label={t('acme.ca')} hint={t('acme.caHint')} placeholder="-----BEGIN CERTIFICATE-----" />
    </>
  )
}
