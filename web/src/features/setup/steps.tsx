// The fields of each part of the setup.

import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Stack from '@mui/material/Stack'
import { useFormState, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { TextInput } from '../../form/fields'
import { NewPasswordInput } from '../../form/password-input'
import { hostWarning } from './plan'

export function OwnerFields() {
  const { t } = useTranslation('setup')
  return (
    <Stack sx={{ gap: 2 }}>
      <TextInput name="owner.login" label={t('field.login')} hint={t('hint.login')} autoComplete="username" autoFocus ltr />
      <NewPasswordInput name="owner.password" label={t('field.password')} />
    </Stack>
  )
}

export function EndpointFields() {
  const { t } = useTranslation('setup')
  const warning = hostWarning(String(useWatch({ name: 'endpoint.host' }) ?? ''))
  return (
    <Stack sx={{ gap: 2 }}>
      <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: { xs: '1fr', sm: '3fr 1fr' }, alignItems: 'start' }}>
        <TextInput name="endpoint.host" label={t('field.host')} hint={t('hint.host')} autoFocus ltr />
        <TextInput name="endpoint.port" label={t('field.port')} inputMode="numeric" ltr />
      </Box>
      {warning && <Alert severity="warning">{t(`warning.${warning}`)}</Alert>}
      <Alert severity="info" icon={false}>
        {t('hint.firewall')}
      </Alert>
    </Stack>
  )
}

const FOLDED = ['ipv4', 'ipv6', 'dns']

export function NetworkFields() {
  const { t } = useTranslation('setup')
  const { errors } = useFormState()
  const inside: object = errors['network'] ?? {}
  const atFault = FOLDED.some((field) => field in inside)
  return (
    <Stack sx={{ gap: 2 }}>
      <TextInput name="network.name" label={t('field.networkName')} hint={t('hint.networkName')} autoFocus />
      <Box component="details" open={atFault || undefined} sx={{ '& summary': { cursor: 'pointer', mb: 2 } }}>
        <summary>{t('folded')}</summary>
        <Stack sx={{ gap: 2 }}>
          <TextInput name="network.ipv4" label={t('field.ipv4')} hint={t('hint.ipv4')} ltr />
          <TextInput name="network.ipv6" label={t('field.ipv6')} hint={t('hint.ipv6')} ltr />
          <TextInput name="network.dns" label={t('field.dns')} hint={t('hint.dns')} ltr />
        </Stack>
      </Box>
    </Stack>
  )
}

export function DeviceFields() {
  const { t } = useTranslation('setup')
  return <TextInput name="device.name" label={t('field.deviceName')} hint={t('hint.deviceName')} autoFocus />
}
