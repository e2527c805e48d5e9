import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { changed } from '../../form/values'
import { useAct } from '../../ui/use-act'
import { hostOf, updateWebhook, webhookQuery } from './queries'
import { bodyOf, WebhookFields, webhookSchema, valuesOf } from './webhook-form'

export function Component() {
  const { t } = useTranslation(['webhooks', 'common'])
  const { id = '' } = useParams()
  const { data: webhook } = useSuspenseQuery(webhookQuery(id))
  const navigate = useNavigate()
  const act = useAct()
  const close = () => void navigate(paths.webhooks.detail(id))
  const form = useApiForm({
    schema: webhookSchema((key) => t(`common:${key}`)),
    values: valuesOf(webhook),
    send: async (values) => {
      await updateWebhook(webhook, changed(bodyOf(valuesOf(webhook)), bodyOf(values)))
      await act(async () => {}, t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: hostOf(webhook.url) })} act={t('common:act.save')} onClose={close}>
      <WebhookFields />
    </FormDialog>
  )
}
