import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { OneTimeSecret } from '../../app/one-time'
import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useDone } from '../../ui/use-act'
import { createWebhook, hostOf } from './queries'
import { bodyOf, WebhookFields, webhookSchema, valuesOf } from './webhook-form'

export function Component() {
  const { t } = useTranslation(['webhooks', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const [made, setMade] = useState<{ id: string; secret: string }>()
  const form = useApiForm({
    schema: webhookSchema((key) => t(`common:${key}`)),
    values: valuesOf(undefined),
    send: async (values) => {
      const { id, url, secret } = await createWebhook(bodyOf(values))
      await done(t('done.created', { name: hostOf(url) }))
      if (secret) setMade({ id, secret })
      else await navigate(paths.webhooks.detail(id), { replace: true })
    },
  })
  if (made) {
    return <OneTimeSecret title={t('secretTitle')} text={t('secretText')} secret={made.secret} onClose={() => void navigate(paths.webhooks.detail(made.id), { replace: true })} closesByAddress />
  }
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={() => void navigate(paths.webhooks.list())}>
      <WebhookFields />
    </FormDialog>
  )
}
