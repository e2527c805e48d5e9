import Delete from '@mui/icons-material/DeleteOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink, Outlet, useNavigate, useParams } from 'react-router'

import type { Network, Schema } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Code, Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { UsageSection } from '../devices/usage-section'
import { PoolBar } from './pool-bar'
import { deleteNetwork, networkQuery, networkUsageQuery, restoreNetwork } from './queries'

export function Component() {
  const { t } = useTranslation(['networks', 'common'])
  const { id = '' } = useParams()
  const { data: network } = useSuspenseQuery(networkQuery(id))
  const format = useFormats()
  const codes = (list: readonly string[], none: string) => (list.length === 0 ? none : <Codes list={list} />)
  return (
    <>
      <PageHeader title={network.name} chip={network.deleted_at ? <StateChip state="deleted" /> : undefined} actions={<HeaderActs network={network} />} />
      <Section title={t('addresses')}>
        <Facts
          facts={[
            [t('field.ipv4'), network.ipv4 ? <Pool key="ipv4" pool={network.ipv4} /> : t('none')],
            [t('field.ipv6'), network.ipv6 ? <Pool key="ipv6" pool={network.ipv6} /> : t('none')],
            [
              t('devices'),
              <Link key="devices" component={RouterLink} to={`${paths.devices.list()}?network_id=${network.id}`}>
                {t('showDevices')}
              </Link>,
            ],
          ]}
        />
      </Section>
      <Section title={t('configuration')}>
        <Facts
          facts={[
            [t('field.dns'), codes(network.dns, t('noDns'))],
            [t('field.routes'), codes(network.routes, t('none'))],
            [t('field.mtu'), network.mtu],
            [t('field.keepalive'), network.keepalive_s === 0 ? t('noKeepalive') : format.duration(network.keepalive_s)],
            [t('field.isolated'), network.isolated ? t('isIsolated') : t('isNotIsolated')],
            [t('common:field.created'), format.dateTime(network.created_at)],
            [t('common:field.updated'), format.dateTime(network.updated_at)],
            [t('common:field.deleted'), network.deleted_at ? format.dateTime(network.deleted_at) : undefined],
          ]}
        />
      </Section>
      <UsageSection query={(from, to) => networkUsageQuery(network.id, from, to)} />
      <Outlet />
    </>
  )
}

function Pool({ pool }: { pool: Schema<'PoolView'> }) {
  const { t } = useTranslation('networks')
  return (
    <Stack sx={{ gap: 0.5, mb: 1 }}>
      <Code>{pool.net}</Code>
      <PoolBar pool={pool} />
      <span>
        {t('nodeAddress')} <Code>{pool.node_address}</Code>
      </span>
    </Stack>
  )
}

function Codes({ list }: { list: readonly string[] }) {
  return list.map((each) => (
    <div key={each}>
      <Code>{each}</Code>
    </div>
  ))
}

function HeaderActs({ network }: { network: Network }) {
  const { t } = useTranslation(['networks', 'common'])
  const forbidden = useForbidden()
  const act = useAct()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const { name } = network
  const restore = () => void act(() => restoreNetwork(network), t('done.restored', { name }))

  async function remove(): Promise<void> {
    const done = await confirmed(
      { title: t('deleteTitle', { name }), text: t('deleteText'), act: t('common:act.delete'), name, destructive: true },
      () => deleteNetwork(network),
      { text: t('done.deleted', { name }), action: { label: t('common:act.undo'), run: restore } },
    )
    if (done) await navigate(paths.networks.list())
  }
  if (network.deleted_at) return <Action variant="contained" icon={<RestoreFromTrash />} label={t('common:act.restore')} disabledReason={forbidden('network_restore')} onRun={restore} />
  return (
    <Stack direction="row" sx={{ gap: 1 }}>
      <Action variant="outlined" icon={<Edit />} label={t('common:act.edit')} disabledReason={forbidden('network_update')} onRun={() => void navigate(paths.networks.edit(network.id))} />
      <Action variant="outlined" color="error" icon={<Delete />} label={t('common:act.delete')} disabledReason={forbidden('network_delete')} onRun={() => void remove()} />
    </Stack>
  )
}
