// What the pages of nodes ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type ListSource, type Node, type Schema } from '../../api/types'

/** A node's place in a network. */
export type Place = Schema<'NodeNetworkView'>

export const nodes: ListSource<Node> = {
  key: 'nodes',
  page: (query) => take(api.GET('/nodes', { params: { query: asked<'/nodes'>(query) } })),
}

export const nodeQuery = (id: string) => queryOptions({ queryKey: ['nodes', id], queryFn: () => take(api.GET('/nodes/{id}', at(id))) })

export const placesQuery = (id: string) =>
  queryOptions({ queryKey: ['nodes', id, 'networks'], queryFn: () => take(api.GET('/nodes/{id}/networks', at(id))) })

export const createNode = (body: Schema<'CreateNode'>) => take(api.POST('/nodes', { body }))
export const updateNode = (node: Node, body: Schema<'UpdateNode'>) => take(api.PATCH('/nodes/{id}', { ...atRevision(node), body }))
export const deleteNode = (node: Node) => take(api.DELETE('/nodes/{id}', atRevision(node)))

export const createPlace = (nodeId: string, body: Schema<'CreateNodeNetwork'>) =>
  take(api.POST('/nodes/{id}/networks', { ...at(nodeId), body }))

export const updatePlace = (place: Place, body: Schema<'UpdateNodeNetwork'>) =>
  take(api.PATCH('/nodes/{id}/networks/{node_network_id}', { ...placeAtRevision(place), body }))

export const deletePlace = (place: Place) =>
  take(api.DELETE('/nodes/{id}/networks/{node_network_id}', placeAtRevision(place)))

function placeAtRevision({ id, node_id, revision }: Place) {
  return { params: { path: { id: node_id, node_network_id: id }, header: { 'If-Match': `"${revision}"` } } }
}
