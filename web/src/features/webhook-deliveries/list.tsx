import Replay from '@mui/icons-material/Replay'
import Stack from '@mui/material/Stack'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { IconAction } from '../../ui/action'
import { Code, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { hostOf, webhookChoices } from '../webhooks/queries'
import { deliveries, type Delivery, redeliver } from './queries'

export function Component() {
  const { t } = useTranslation(['deliveries', 'common'])
  const forbidden = useForbidden()
  const act = useAct()
  const format = useFormats()
  const { data: webhooks } = useSuspenseQuery(webhookChoices)
  const receiver = ({ webhook_id }: Delivery) => hostOf(webhooks.items.find(({ id }) => id === webhook_id)?.url ?? t('gone'))
  const took = ({ took_ms }: Delivery) => (took_ms === null || took_ms === undefined ? '–' : `${format.number(took_ms)} ms`)
  const again = (delivery: Delivery) => redeliver(delivery)
  const whyNot = forbidden('webhook_redeliver')
  const columns: Column<Delivery>[] = [
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 190, render: ({ created_at }) => format.dateTime(created_at) },
    { key: 'kind', header: t('field.kind'), flex: 1.5, render: ({ kind }) => <Code>{kind}</Code> },
    { key: 'webhook', header: t('field.receiver'), flex: 1.5, render: receiver },
    { key: 'state', header: t('common:field.state'), width: 130, render: (delivery) => <Outcome delivery={delivery} /> },
    { key: 'status', header: t('field.status'), width: 90, align: 'right', render: ({ status }) => status ?? '–' },
    { key: 'attempts', header: t('field.attempts'), width: 100, align: 'right', render: ({ attempts }) => format.number(attempts) },
    { key: 'took', header: t('field.took'), width: 110, align: 'right', render: took },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={deliveries}
      columns={columns}
      filters={[
        { name: 'webhook_id', label: t('field.receiver'), options: webhooks.items.map(({ id, url }) => [id, hostOf(url)] as const) },
        { name: 'delivered', label: t('common:field.state'), options: [['true', t('common:state.delivered')], ['false', t('notDelivered')]] },
      ]}
      bulk={whyNot === undefined ? [{ key: 'again', label: t('again'), icon: <Replay />, run: again, name: ({ kind }) => kind }] : []}
      rowActions={(delivery) => (
        <IconAction label={t('again')} icon={<Replay fontSize="small" />} disabledReason={whyNot} onRun={() => void act(() => again(delivery), t('done.again'))} />
      )}
      card={(delivery) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Code>{delivery.kind}</Code>
            <Typography variant="body2" color="text.secondary">
              {receiver(delivery)} · {format.ago(delivery.created_at)}
            </Typography>
            {delivery.error && <Typography variant="body2">{delivery.error}</Typography>}
          </Stack>
          <Outcome delivery={delivery} />
        </Stack>
      )}
      csv={{
        fileName: 'webhook-deliveries.csv',
        columns: [
          { header: 'id', text: (delivery) => delivery.id },
          { header: 'created_at', text: (delivery) => delivery.created_at },
          { header: 'kind', text: (delivery) => delivery.kind },
          { header: 'webhook', text: (delivery) => receiver(delivery) },
          { header: 'webhook_id', text: (delivery) => delivery.webhook_id },
          { header: 'delivered', text: (delivery) => delivery.delivered },
          { header: 'status', text: (delivery) => delivery.status },
          { header: 'attempts', text: (delivery) => delivery.attempts },
          { header: 'took_ms', text: (delivery) => delivery.took_ms },
          { header: 'error', text: (delivery) => delivery.error },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}

function Outcome({ delivery: { delivered, attempts, error } }: { delivery: Delivery }) {
  const chip = <StateChip state={delivered ? 'delivered' : attempts === 0 ? 'queued' : 'failed'} />
  return error ? (
    <Tooltip title={error}>
      <span>{chip}</span>
    </Tooltip>
  ) : (
    chip
  )
}
