import { useQuery } from '@tanstack/react-query'
import Chip from '@mui/material/Chip'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import useMediaQuery from '@mui/material/useMediaQuery'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'

import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden, useMe } from '../../session/use-me'
import { Code } from '../../ui/parts'
import { networkChoicesQuery } from '../networks/queries'
import { useUserName } from '../users/user-name'
import { DeviceActs } from './device-acts'
import { DeviceDialogs } from './device-dialogs'
import { DeviceState, EndingPill, OnlineDot, UsedOfLimit, useSeen } from './device-words'
import { MemberHome } from './member-home'
import { useFollowed, useFollowing } from './live'
import { devices, ofUser } from './queries'
import { useBulk } from './use-bulk'

/** Members have a page of cards for their few. */
export function Component() {
  return <DeviceDialogs>{useMe().role === 'member' ? <MemberHome /> : <DeviceList />}</DeviceDialogs>
}

function DeviceList() {
  const { t } = useTranslation(['devices', 'common'])
  const forbidden = useForbidden()
  const [search] = useSearchParams()
  const userId = search.get('user_id')
  useFollowing()
  const networks = useQuery(networkChoicesQuery).data ?? []
  const columns = useColumns(new Map(networks.map(({ id, name }) => [id, name])))
  return (
    <NounList
      title={t('title')}
      lead={userId ? <OwnerChip id={userId} /> : undefined}
      source={devices}
      columns={columns}
      filters={[
        ...(networks.length > 1 ? [{ name: 'network_id', label: t('field.network'), options: networks.map(({ id, name }) => [id, name] as const) }] : []),
        { name: 'state', label: t('common:field.state'), options: STATES.map((state) => [state, t(`common:state.${state}`)] as const) },
        { name: 'online', label: t('field.presence'), options: [['true', t('online')], ['false', t('offline')]] },
        { name: 'deleted', label: t('common:list.shown'), options: [['true', t('common:list.deleted')]] },
      ]}
      bulk={useBulk()}
      rowPath={(device) => paths.devices.detail(device.id)}
      rowActions={(device) => <DeviceActs device={device} />}
      card={(device) => <DeviceRow device={device} />}
      create={{
        label: t('create'),
        to: `${paths.devices.create()}${userId ? ofUser(userId) : ''}`,
        disabledReason: forbidden('device_create'),
      }}
      csv={{
        fileName: 'devices.csv',
        columns: [
          { header: 'name', text: (device) => device.name },
          { header: 'state', text: (device) => device.state },
          { header: 'reason', text: (device) => device.reason },
          { header: 'user', text: (device) => device.user_login },
          { header: 'user_id', text: (device) => device.user_id },
          { header: 'network', text: (device) => networks.find(({ id }) => id === device.network_id)?.name },
          { header: 'ipv4', text: (device) => device.ipv4 },
          { header: 'ipv6', text: (device) => device.ipv6 },
          { header: 'public_key', text: (device) => device.public_key },
          { header: 'last_handshake_at', text: (device) => device.last_handshake_at },
          { header: 'used_bytes', text: (device) => device.used_bytes },
          { header: 'data_limit_bytes', text: (device) => device.data_limit_bytes },
          { header: 'expires_at', text: (device) => device.expires_at },
          { header: 'duration_s', text: (device) => device.duration_s },
          { header: 'created_at', text: (device) => device.created_at },
          { header: 'note', text: (device) => device.note },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}

const STATES = ['active', 'on_hold', 'limited', 'expired', 'disabled'] as const

function useColumns(networks: ReadonlyMap<string, string>): Column<Device>[] {
  const { t } = useTranslation(['devices', 'common'])
  const format = useFormats()
  const wide = useMediaQuery((theme) => theme.breakpoints.up('xl'))
  return [
    {
      key: 'name',
      header: t('field.name'),
      sort: 'name',
      flex: 2,
      render: (device) => <Name device={device} />,
    },
    { key: 'state', header: t('common:field.state'), width: 130, render: (device) => <DeviceState device={device} /> },
    { key: 'user', header: t('field.user'), render: (device) => device.user_login ?? '–' },
    ...(networks.size > 1 ? [{ key: 'network', header: t('field.network'), render: (device: Device) => networks.get(device.network_id) ?? '–' }] : []),
    { key: 'addresses', header: t('field.addresses'), width: 118, render: (device) => <Code>{device.ipv4 ?? device.ipv6 ?? '–'}</Code> },
    { key: 'seen', header: t('field.seen'), sort: 'last_handshake_at', width: 120, render: (device) => <Seen device={device} /> },
    {
      key: 'used',
      header: t('field.used'),
      sort: 'used_bytes',
      width: 145,
      render: (device) => <Used device={device} />,
    },
    { key: 'ends', header: t('field.ends'), sort: 'expires_at', width: 140, render: (device) => <EndingPill device={device} short /> },
    ...(wide ? [{ key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 120, render: (device: Device) => format.date(device.created_at) }] : []),
  ]
}

function Name({ device }: { device: Device }) {
  return (
    <Stack direction="row" sx={{ gap: 1, alignItems: 'center', height: '100%', minWidth: 0 }}>
      <OnlineDot lastHandshake={useFollowed(device).last_handshake_at} />
      <span>{device.name}</span>
    </Stack>
  )
}

function Seen({ device }: { device: Device }) {
  return useSeen(true)(useFollowed(device).last_handshake_at)
}

function Used({ device }: { device: Device }) {
  const { t } = useTranslation('devices')
  return (
    <Stack sx={{ height: '100%', justifyContent: 'center' }}>
      <UsedOfLimit used={useFollowed(device).used_bytes} limit={device.data_limit_bytes} label={t('usedOfName', { name: device.name })} />
    </Stack>
  )
}

function OwnerChip({ id }: { id: string }) {
  const { t } = useTranslation('devices')
  const [, setSearch] = useSearchParams()
  const name = useUserName(id)
  const remove = () =>
    setSearch((before) => {
      const after = new URLSearchParams(before)
      after.delete('user_id')
      after.delete('after')
      return after
    })
  return <Chip size="small" label={t('of', { name: name ?? '…' })} onDelete={remove} slotProps={{ root: { 'aria-label': t('ofClear', { name: name ?? '' }) } }} />
}

function DeviceRow({ device: read }: { device: Device }) {
  const device = useFollowed(read)
  const seen = useSeen()
  const format = useFormats()
  return (
    <Stack direction="row" sx={{ gap: 1.5, alignItems: 'center' }}>
      <OnlineDot lastHandshake={device.last_handshake_at} />
      <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
        <Typography sx={{ fontWeight: 600 }} noWrap>
          {device.name}
        </Typography>
        <Typography variant="body2" color="text.secondary" noWrap>
          {device.user_login ?? '–'} · {seen(device.last_handshake_at)} · {format.bytes(device.used_bytes)}
        </Typography>
      </Stack>
      <DeviceState device={device} />
    </Stack>
  )
}
