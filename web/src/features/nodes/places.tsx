// The networks that a node carries, each with its port and the address that clients are told.

import Add from '@mui/icons-material/Add'
import Delete from '@mui/icons-material/DeleteOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import type { Node } from '../../api/types'
import { paths } from '../../app/paths'
import { useForbidden } from '../../session/use-me'
import { Action, IconAction } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Code, Section } from '../../ui/parts'
import { SmallTable } from '../../ui/small-table'
import { useConfirmed } from '../../ui/use-confirmed'
import { networkChoicesQuery } from '../networks/queries'
import { EditPlace, NewPlace } from './place-dialog'
import { deletePlace, type Place, placesQuery } from './queries'

export function Places({ node }: { node: Node }) {
  const { t } = useTranslation(['nodes', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const { data: places } = useSuspenseQuery(placesQuery(node.id))
  const { data: networks } = useSuspenseQuery(networkChoicesQuery)
  const [open, setOpen] = useState<Place | 'new'>()

  const nameOf = (id: string) => networks.find((network) => network.id === id)?.name ?? id
  const free = networks.filter(({ id }) => !places.items.some((place) => place.network_id === id))
  const whyNotAdd = forbidden('node_network_create') ?? (free.length === 0 ? t('place.allThere') : undefined)
  const whyNotEdit = forbidden('node_network_update')
  const whyNotRemove = forbidden('node_network_delete')

  async function remove(place: Place): Promise<void> {
    const name = nameOf(place.network_id)
    const question = { title: t('place.removeTitle', { name, node: node.name }), text: t('place.removeText'), act: t('place.remove'), name, destructive: true }
    await confirmed(question, () => deletePlace(place), t('done.placeRemoved', { name }))
  }
  return (
    <Section title={t('places')} actions={<Action variant="outlined" icon={<Add />} label={t('place.add')} disabledReason={whyNotAdd} onRun={() => setOpen('new')} />}>
      {places.items.length === 0 ? (
        <Typography color="text.secondary">{t('place.none')}</Typography>
      ) : (
        <SmallTable
          label={t('places')}
          rows={places.items}
          rowKey={({ id }) => id}
          columns={[
            { key: 'network', header: t('place.network'), render: ({ network_id }) => <Link component={RouterLink} to={paths.networks.detail(network_id)}>{nameOf(network_id)}</Link> },
            { key: 'interface', header: t('place.interface'), render: (place) => <Code>{place.interface}</Code> },
            { key: 'port', header: t('place.port'), render: ({ listen_port }) => <Code>{listen_port}/udp</Code> },
            { key: 'endpoint', header: t('place.endpoint'), render: ({ endpoint }) => (endpoint ? <Code>{`${bracketed(endpoint.host)}:${endpoint.port}`}</Code> : t('place.noEndpoint')) },
            { key: 'key', header: t('place.key'), render: ({ public_key }) => <CopyText text={public_key} /> },
            {
              key: 'acts',
              header: <span className="visually-hidden">{t('common:act.column')}</span>,
              align: 'right',
              render: (place) => (
                <Stack direction="row" sx={{ justifyContent: 'flex-end' }}>
                  <IconAction label={`${t('common:act.edit')}: ${nameOf(place.network_id)}`} icon={<Edit fontSize="small" />} disabledReason={whyNotEdit} onRun={() => setOpen(place)} />
                  <IconAction label={`${t('place.remove')}: ${nameOf(place.network_id)}`} icon={<Delete fontSize="small" />} disabledReason={whyNotRemove} onRun={() => void remove(place)} />
                </Stack>
              ),
            },
          ]}
        />
      )}
      {open === 'new' && <NewPlace node={node} networks={free} onClose={() => setOpen(undefined)} />}
      {open && open !== 'new' && <EditPlace place={open} name={nameOf(open.network_id)} onClose={() => setOpen(undefined)} />}
    </Section>
  )
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
