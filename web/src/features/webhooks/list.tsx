import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { Code, StateChip } from '../../ui/parts'
import { hostOf, type Webhook, webhooks } from './queries'

export function Component() {
  const { t } = useTranslation(['webhooks', 'common'])
  const forbidden = useForbidden()
  const format = useFormats()
  const tells = ({ kinds }: Webhook) => (kinds.length === 0 ? t('everything') : kinds.join(', '))
  const columns: Column<Webhook>[] = [
    { key: 'url', header: t('field.url'), flex: 3, render: ({ url }) => <Code>{url}</Code> },
    { key: 'state', header: t('common:field.state'), width: 130, render: (webhook) => <StateChip state={stateOf(webhook)} /> },
    { key: 'kinds', header: t('field.kinds'), flex: 2, render: tells },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: ({ created_at }) => format.date(created_at) },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={webhooks}
      columns={columns}
      rowPath={({ id }) => paths.webhooks.detail(id)}
      card={(webhook) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Code>{webhook.url}</Code>
            <Typography variant="body2" color="text.secondary" noWrap>
              {tells(webhook)}
            </Typography>
          </Stack>
          <StateChip state={stateOf(webhook)} />
        </Stack>
      )}
      create={{ label: t('create'), to: paths.webhooks.create(), disabledReason: forbidden('webhook_create') }}
      csv={{
        fileName: 'webhooks.csv',
        columns: [
          { header: 'id', text: (webhook) => webhook.id },
          // The rest of an address often is what lets one post to it, and a file goes further than a page.
          { header: 'host', text: (webhook) => hostOf(webhook.url) },
          { header: 'state', text: (webhook) => stateOf(webhook) },
          { header: 'kinds', text: (webhook) => webhook.kinds.join('; ') },
          { header: 'created_at', text: (webhook) => webhook.created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}

export function stateOf({ active, failing_since }: Webhook): string {
  return active ? (failing_since ? 'failing' : 'active') : 'paused'
}
