// What the page of deliveries asks of the API.

import { api, at, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type Delivery = Schema<'DeliveryView'>

export const deliveries: ListSource<Delivery> = {
  key: 'webhook-deliveries',
  page: (query) => take(api.GET('/webhook-deliveries', { params: { query: asked<'/webhook-deliveries'>(query) } })),
}

export const redeliver = ({ id }: { id: string }) => take(api.POST('/webhook-deliveries/{id}/redeliver', at(id)))
