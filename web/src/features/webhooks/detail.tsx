import Delete from '@mui/icons-material/DeleteOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import Send from '@mui/icons-material/SendOutlined'
import Alert from '@mui/material/Alert'
import Link from '@mui/material/Link'
import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink, Outlet, useNavigate, useParams } from 'react-router'

import type { Schema } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Code, Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { stateOf } from './list'
import { deleteWebhook, hostOf, testWebhook, type Webhook, webhookQuery } from './queries'

export function Component() {
  const { t } = useTranslation(['webhooks', 'common'])
  const { id = '' } = useParams()
  const { data: webhook } = useSuspenseQuery(webhookQuery(id))
  const client = useQueryClient()
  const format = useFormats()
  const test = useMutation({ mutationFn: () => testWebhook(id), onSettled: () => client.invalidateQueries() })
  return (
    <>
      <PageHeader title={hostOf(webhook.url)} chip={<StateChip state={stateOf(webhook)} />} actions={<HeaderActs webhook={webhook} busy={test.isPending} onTest={() => test.mutate()} />} />
      <div aria-live="polite">
        {test.isSuccess && <Tested delivery={test.data} />}
        {test.isError && <Fault error={test.error} />}
      </div>
      {webhook.failing_since && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('failing', { since: format.ago(webhook.failing_since) })}
        </Alert>
      )}
      {!webhook.active && (
        <Alert severity="info" sx={{ mb: 2 }}>
          {t('isPaused')}
        </Alert>
      )}
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.url'), <Code key="url">{webhook.url}</Code>],
            [t('field.kinds'), webhook.kinds.length === 0 ? t('everything') : <Code key="kinds">{webhook.kinds.join(', ')}</Code>],
            [t('common:field.created'), format.dateTime(webhook.created_at)],
            [t('common:field.updated'), format.dateTime(webhook.updated_at)],
            [
              t('deliveries'),
              <Link key="deliveries" component={RouterLink} to={`${paths.deliveries.list()}?webhook_id=${id}`}>
                {t('showDeliveries')}
              </Link>,
            ],
          ]}
        />
      </Section>
      <Outlet />
    </>
  )
}

function Tested({ delivery }: { delivery: Schema<'DeliveryView'> }) {
  const { t } = useTranslation('webhooks')
  const format = useFormats()
  const took = format.number(delivery.took_ms ?? 0)
  return (
    <Alert severity={delivery.delivered ? 'success' : 'error'} sx={{ mb: 2, overflowWrap: 'anywhere' }}>
      {delivery.delivered ? t('testDone', { status: delivery.status, took }) : t('testFailed', { why: delivery.error ?? delivery.status ?? '' })}
    </Alert>
  )
}

function HeaderActs({ webhook, busy, onTest }: { webhook: Webhook; busy: boolean; onTest: () => void }) {
  const { t } = useTranslation(['webhooks', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const name = hostOf(webhook.url)

  async function remove(): Promise<void> {
    const question = { title: t('deleteTitle', { name }), text: t('deleteText'), act: t('common:act.delete'), name, destructive: true }
    if (await confirmed(question, () => deleteWebhook(webhook), t('done.deleted', { name }))) await navigate(paths.webhooks.list())
  }
  return (
    <>
      <Action variant="outlined" icon={<Send />} label={t('test')} disabledReason={busy ? t('testBusy') : forbidden('webhook_test')} onRun={onTest} />
      <Action variant="outlined" icon={<Edit />} label={t('common:act.edit')} disabledReason={forbidden('webhook_update')} onRun={() => void navigate(paths.webhooks.edit(webhook.id))} />
      <Action variant="outlined" color="error" icon={<Delete />} label={t('common:act.delete')} disabledReason={forbidden('webhook_delete')} onRun={() => void remove()} />
    </>
  )
}
