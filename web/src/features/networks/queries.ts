// What the pages of networks ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type ListSource, type Network, type Schema } from '../../api/types'

export const networks: ListSource<Network> = {
  key: 'networks',
  page: (query) => take(api.GET('/networks', { params: { query: asked<'/networks'>(query) } })),
}

export const networkQuery = (id: string) =>
  queryOptions({ queryKey: ['networks', id], queryFn: () => take(api.GET('/networks/{id}', at(id))) })

export const networkUsageQuery = (id: string, from: string, to: string) =>
  queryOptions({
    queryKey: ['networks', id, 'usage', from, to],
    queryFn: async () => (await take(api.GET('/usage', { params: { query: { network_id: id, from, to } } }))).days,
  })

/** The networks to choose from and to name. There are few of them; more than a page of them are found by their own list. */
export const networkChoicesQuery = queryOptions({
  queryKey: ['networks', 'choices'],
  queryFn: async (): Promise<Network[]> => (await take(api.GET('/networks', { params: { query: { limit: 200, sort: 'name' } } }))).items,
  staleTime: 60_000,
})

export const createNetwork = (body: Schema<'CreateNetwork'>) => take(api.POST('/networks', { body }))

export const updateNetwork = (network: Network, body: Schema<'UpdateNetwork'>) =>
  take(api.PATCH('/networks/{id}', { ...atRevision(network), body }))

export const deleteNetwork = (network: Network) => take(api.DELETE('/networks/{id}', atRevision(network)))
export const restoreNetwork = ({ id }: { id: string }) => take(api.POST('/networks/{id}/restore', at(id)))
