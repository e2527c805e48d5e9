// The fields of a webhook, for making one and for changing one.

import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { EVENT_KINDS } from '../../api/generated/words'
import type { Schema } from '../../api/types'
import { ChecksInput, SwitchInput, TextInput } from '../../form/fields'
import type { Webhook } from './queries'

/** A test is sent on demand, never because something happened. */
const CHOICES = EVENT_KINDS.filter((kind) => kind !== 'webhook.test')

export type WebhookValues = z.infer<ReturnType<typeof webhookSchema>>

export function webhookSchema(t: (key: string) => string) {
  return z.object({ url: z.string().trim().min(1, t('form.needed')), active: z.boolean(), kinds: z.array(z.enum(EVENT_KINDS)) })
}

export function valuesOf(webhook: Webhook | undefined): WebhookValues {
  return { url: webhook?.url ?? '', active: webhook?.active ?? true, kinds: webhook?.kinds ?? [] }
}

export function bodyOf(values: WebhookValues): Required<Schema<'UpdateWebhook'>> {
  return { url: values.url.trim(), active: values.active, kinds: EVENT_KINDS.filter((kind) => values.kinds.includes(kind)) }
}

export function WebhookFields() {
  const { t } = useTranslation('webhooks')
  return (
    <>
      <TextInput name="url" ltr inputMode="url" label={t('field.url')} hint={t('hint.url')} placeholder="https://example.org/hooks/vpn" autoFocus />
      <SwitchInput name="active" label={t('field.active')} hint={t('hint.active')} />
      <ChecksInput name="kinds" label={t('field.kinds')} hint={t('hint.kinds')} options={CHOICES.map((kind) => [kind, kind] as const)} />
    </>
  )
}
