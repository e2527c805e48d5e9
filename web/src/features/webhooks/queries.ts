// What the pages of webhooks ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type Webhook = Schema<'WebhookView'>

export const webhooks: ListSource<Webhook> = {
  key: 'webhooks',
  page: (query) => take(api.GET('/webhooks', { params: { query: asked<'/webhooks'>(query) } })),
}

export const webhookQuery = (id: string) => queryOptions({ queryKey: ['webhooks', id], queryFn: () => take(api.GET('/webhooks/{id}', at(id))) })

/** The webhooks to choose from and to name; a service has a handful of them. */
export const webhookChoices = queryOptions({
  queryKey: ['webhooks', 'choices'],
  queryFn: () => take(api.GET('/webhooks', { params: { query: { limit: 200 } } })),
})

export const createWebhook = (body: Schema<'CreateWebhook'>) => take(api.POST('/webhooks', { body }))
export const updateWebhook = (webhook: Webhook, body: Schema<'UpdateWebhook'>) => take(api.PATCH('/webhooks/{id}', { ...atRevision(webhook), body }))
export const deleteWebhook = (webhook: Webhook) => take(api.DELETE('/webhooks/{id}', atRevision(webhook)))
export const testWebhook = (id: string) => take(api.POST('/webhooks/{id}/test', at(id)))

/** What a webhook is called: its receiver's host, which is short enough to be written out. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
