import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'

import type { Network } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { Code } from '../../ui/parts'
import { PoolBar } from './pool-bar'
import { networks, restoreNetwork } from './queries'

export function Component() {
  const { t } = useTranslation(['networks', 'common'])
  const forbidden = useForbidden()
  const format = useFormats()
  const deleted = useSearchParams()[0].get('deleted') === 'true'
  const restorable = forbidden('network_restore') === undefined
  const columns: Column<Network>[] = [
    { key: 'name', header: t('field.name'), sort: 'name', flex: 2, render: (network) => network.name },
    { key: 'ipv4', header: t('field.ipv4'), flex: 1.5, render: ({ ipv4 }) => (ipv4 ? <Code>{ipv4.net}</Code> : '–') },
    { key: 'ipv6', header: t('field.ipv6'), flex: 2, render: ({ ipv6 }) => (ipv6 ? <Code>{ipv6.net}</Code> : '–') },
    { key: 'used', header: t('taken'), flex: 2, render: (network) => <Fullest network={network} /> },
    { key: 'isolated', header: t('field.isolated'), width: 190, render: ({ isolated }) => (isolated ? t('common:yes') : t('common:no')) },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: (network) => format.date(network.created_at) },
  ]
  return (
    <NounList
      title={t('title')}
      source={networks}
      columns={columns}
      filters={restorable ? [{ name: 'deleted', label: t('common:list.shown'), options: [['true', t('common:list.deleted')]] }] : []}
      bulk={deleted && restorable ? [{ key: 'restore', label: t('common:act.restore'), icon: <RestoreFromTrash />, run: restoreNetwork, name: ({ name }) => name }] : []}
      rowPath={(network) => paths.networks.detail(network.id)}
      card={(network) => (
        <Stack sx={{ gap: 0.5 }}>
          <Typography sx={{ fontWeight: 600 }} noWrap>
            {network.name}
          </Typography>
          {network.ipv4 && <Code>{network.ipv4.net}</Code>}
          {network.ipv6 && <Code>{network.ipv6.net}</Code>}
          <Fullest network={network} />
        </Stack>
      )}
      create={{ label: t('create'), to: paths.networks.create(), disabledReason: forbidden('network_create') }}
      csv={{
        fileName: 'networks.csv',
        columns: [
          { header: 'name', text: (network) => network.name },
          { header: 'ipv4', text: ({ ipv4 }) => ipv4?.net },
          { header: 'ipv4_used', text: ({ ipv4 }) => ipv4?.used },
          { header: 'ipv4_capacity', text: ({ ipv4 }) => ipv4?.capacity },
          { header: 'ipv6', text: ({ ipv6 }) => ipv6?.net },
          { header: 'ipv6_used', text: ({ ipv6 }) => ipv6?.used },
          { header: 'dns', text: ({ dns }) => dns.join(' ') },
          { header: 'routes', text: ({ routes }) => routes.join(' ') },
          { header: 'mtu', text: ({ mtu }) => mtu },
          { header: 'keepalive_s', text: ({ keepalive_s }) => keepalive_s },
          { header: 'isolated', text: ({ isolated }) => isolated },
          { header: 'created_at', text: ({ created_at }) => created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}

/** The pool that runs out first. */
function Fullest({ network: { ipv4, ipv6 } }: { network: Network }) {
  const pool = ipv4 && ipv6 ? (ipv4.used / ipv4.capacity >= ipv6.used / ipv6.capacity ? ipv4 : ipv6) : (ipv4 ?? ipv6)
  return pool ? <PoolBar pool={pool} /> : null
}
