import WarningAmber from '@mui/icons-material/WarningAmber'
import Chip from '@mui/material/Chip'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import type { Node } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { StateChip } from '../../ui/parts'
import { nodes } from './queries'

export function Component() {
  const { t } = useTranslation(['nodes', 'common'])
  const forbidden = useForbidden()
  const format = useFormats()
  const columns: Column<Node>[] = [
    { key: 'name', header: t('field.name'), sort: 'name', flex: 2, render: (node) => node.name },
    { key: 'state', header: t('common:field.state'), flex: 2, render: (node) => <Standing node={node} /> },
    { key: 'location', header: t('field.location'), flex: 1.5, render: (node) => node.location || '–' },
    { key: 'backend', header: t('field.backend'), width: 150, render: (node) => (node.health.backend ? t(`backend.${node.health.backend}`, { defaultValue: node.health.backend }) : '–') },
    { key: 'online_devices', header: t('common:state.online'), width: 100, align: 'right', render: (node) => format.number(node.online_devices) },
    { key: 'capacity', header: t('field.capacity'), width: 130, align: 'right', render: (node) => (node.capacity ? format.number(node.capacity) : t('common:noLimit')) },
    { key: 'last_seen_at', header: t('field.lastSeen'), width: 170, render: (node) => (node.last_seen_at ? format.ago(node.last_seen_at) : t('common:never')) },
  ]
  return (
    <NounList
      title={t('title')}
      source={nodes}
      columns={columns}
      rowPath={(node) => paths.nodes.detail(node.id)}
      card={(node) => (
        <Stack sx={{ gap: 0.5 }}>
          <Typography sx={{ fontWeight: 600 }} noWrap>
            {node.name}
          </Typography>
          <Typography variant="body2" color="text.secondary" noWrap>
            {[node.location, node.last_seen_at ? format.ago(node.last_seen_at) : ''].filter(Boolean).join(' · ')}
          </Typography>
          <Standing node={node} />
        </Stack>
      )}
      create={{ label: t('create'), to: paths.nodes.create(), disabledReason: forbidden('node_create') }}
      csv={{
        fileName: 'nodes.csv',
        columns: [
          { header: 'name', text: (node) => node.name },
          { header: 'state', text: (node) => node.state },
          { header: 'location', text: (node) => node.location },
          { header: 'backend', text: (node) => node.health.backend },
          { header: 'problems', text: (node) => node.health.problems.join('; ') },
          { header: 'online_devices', text: (node) => node.online_devices },
          { header: 'capacity', text: (node) => node.capacity },
          { header: 'last_seen_at', text: (node) => node.last_seen_at },
          { header: 'created_at', text: (node) => node.created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}

/** The state, and how much is wrong. */
function Standing({ node }: { node: Node }) {
  const { t } = useTranslation('nodes')
  const count = node.health.problems.length
  return (
    <Stack direction="row" sx={{ gap: 0.5, alignItems: 'center', height: '100%', flexWrap: 'wrap' }}>
      <StateChip state={node.state} />
      {count > 0 && <Chip size="small" color="warning" variant="outlined" icon={<WarningAmber />} label={t('problems', { count })} />}
    </Stack>
  )
}
