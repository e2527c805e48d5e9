import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { hostOf, updateWebhook, webhookQuery } from './queries'
import { bodyOf, WebhookFields, webhookSchema, valuesOf } from './webhook-form'

export function Component() {
  const { t } = useTranslation(['webhooks', 'common'])
  const { id = '' } = useParams()
  const read = useSuspenseQuery(webhookQuery(id))
  const webhook = read.data
  const navigate = useNavigate()
  const done = useDone()
  const close = () => void navigate(paths.webhooks.detail(id))
  const form = useEditForm({
    read,
    schema: webhookSchema((key) => t(`common:${key}`)),
    values: valuesOf,
    send: async (opened, before, typed) => {
      await updateWebhook(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: hostOf(webhook.url) })} act={t('common:act.save')} onClose={close}>
      <WebhookFields />
    </FormDialog>
  )
}
