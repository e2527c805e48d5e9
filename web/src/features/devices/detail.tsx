import Block from '@mui/icons-material/Block'
import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import MoreTime from '@mui/icons-material/MoreTime'
import Refresh from '@mui/icons-material/Refresh'
import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import Alert from '@mui/material/Alert'
import Stack from '@mui/material/Stack'
import { useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Outlet, useNavigate, useParams } from 'react-router'

import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useMe } from '../../session/use-me'
import { Action, IconAction } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Facts, PageHeader, Section } from '../../ui/parts'
import { networkChoicesQuery } from '../networks/queries'
import { UserName } from '../users/user-name'
import { DeviceActs, useExtension, useRestore, useToggle } from './device-acts'
import { DeviceDialogs } from './device-dialogs'
import { DeviceState, OnlineDot, UsedOfLimit, useEnding, useSeen } from './device-words'
import { Diagnosis } from './diagnosis'
import { useDeviceLive } from './live'
import { deviceQuery, deviceUsageQuery } from './queries'
import { UsageSection } from './usage-section'
import { useWhyNot } from './use-why-not'

export function Component() {
  const { t } = useTranslation('devices')
  const { id = '' } = useParams()
  const { data: device } = useSuspenseQuery(deviceQuery(id))
  return (
    <DeviceDialogs>
      <PageHeader title={device.name} lead={device.note || undefined} chip={<DeviceState device={device} />} actions={<HeaderActs device={device} />} />
      {device.outdated && !device.deleted_at && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('outdated')}
        </Alert>
      )}
      {!device.deleted_at && <Live id={id} />}
      {!device.deleted_at && <Diagnosis id={id} />}
      <About device={device} />
      {!device.deleted_at && <UsageSection query={(from, to) => deviceUsageQuery(id, from, to)} />}
      <Outlet />
    </DeviceDialogs>
  )
}

function HeaderActs({ device }: { device: Device }) {
  const { t } = useTranslation('common')
  const navigate = useNavigate()
  const whyNot = useWhyNot(device)
  const toggle = useToggle(device)
  const extension = useExtension(device)
  const restore = useRestore(device)
  if (device.deleted_at) return <Action variant="contained" icon={<RestoreFromTrash />} {...restore} />
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
      {extension && device.reason === 'device_expired' && <Action variant="contained" icon={<MoreTime />} {...extension} />}
      <Action variant="outlined" icon={<Edit />} label={t('act.edit')} disabledReason={whyNot('device_update')} onRun={() => void navigate(paths.devices.edit(device.id))} />
      <Action variant="outlined" icon={device.disabled ? <CheckCircle /> : <Block />} {...toggle} />
      <DeviceActs device={device} short />
    </Stack>
  )
}

function Live({ id }: { id: string }) {
  const { t } = useTranslation(['devices', 'common'])
  const format = useFormats()
  const seen = useSeen()
  const { live, busy, look } = useDeviceLive(id)
  const moved = (bytes: number, perSecond: number | undefined) => (perSecond === undefined ? format.bytes(bytes) : t('rate', { rate: format.rate(perSecond), sum: format.bytes(bytes) }))
  return (
    <Section title={t('now')} actions={<IconAction label={t('look')} icon={<Refresh fontSize="small" />} disabledReason={busy ? t('common:waiting') : undefined} onRun={look} />}>
      <Facts
        facts={[
          [
            t('field.seen'),
            live && (
              <Stack key="seen" direction="row" component="span" sx={{ gap: 1, alignItems: 'center' }}>
                <OnlineDot lastHandshake={live.last_handshake_at} />
                {live.online ? t('onlineSince', { ago: live.last_handshake_at ? format.ago(live.last_handshake_at) : '' }) : seen(live.last_handshake_at)}
              </Stack>
            ),
          ],
          [t('field.down'), live && moved(live.tx_bytes, live.tx_bytes_per_s)],
          [t('field.up'), live && moved(live.rx_bytes, live.rx_bytes_per_s)],
        ]}
      />
    </Section>
  )
}

function About({ device }: { device: Device }) {
  const { t } = useTranslation(['devices', 'common'])
  const format = useFormats()
  const ends = useEnding()(device)
  const member = useMe().role === 'member'
  const networks = useQuery(networkChoicesQuery).data ?? []
  const network = networks.find(({ id }) => id === device.network_id)
  return (
    <Section title={t('about')}>
      <Facts
        facts={[
          [t('field.user'), member ? undefined : <UserName key="user" id={device.user_id} link />],
          [t('field.network'), network?.name],
          [t('field.addresses'), <Addresses key="addresses" device={device} />],
          [t('field.used'), <UsedOfLimit key="used" used={device.used_bytes} limit={device.data_limit_bytes} label={t('usedOfName', { name: device.name })} />],
          [t('field.ends'), ends ? `${ends}${device.expires_at ? ` (${format.dateTime(device.expires_at)})` : ''}` : t('common:never')],
          [t('field.firstUse'), device.first_handshake_at ? format.dateTime(device.first_handshake_at) : t('notYet')],
          [t('field.publicKey'), <CopyText key="key" text={device.public_key} />],
          [t('field.privateKey'), device.has_private_key ? t('keyOnServer') : t('keyOnDevice')],
          [t('field.presharedKey'), device.has_preshared_key ? t('common:yes') : t('common:no')],
          [t('common:field.created'), format.dateTime(device.created_at)],
          [t('common:field.updated'), format.dateTime(device.updated_at)],
          [t('common:field.deleted'), device.deleted_at ? format.dateTime(device.deleted_at) : undefined],
        ]}
      />
    </Section>
  )
}

function Addresses({ device: { ipv4, ipv6 } }: { device: Device }) {
  return (
    <Stack component="span" sx={{ alignItems: 'flex-start' }}>
      {[ipv4, ipv6].map((address) => address && <CopyText key={address} text={address} />)}
    </Stack>
  )
}
