// What the pages of API tokens ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type ApiToken = Schema<'ApiTokenView'>
export type Scope = Schema<'Scope'>

export const apiTokens: ListSource<ApiToken> = {
  key: 'api-tokens',
  page: (query) => take(api.GET('/api-tokens', { params: { query: asked<'/api-tokens'>(query) } })),
}

export const apiTokenQuery = (id: string) =>
  queryOptions({ queryKey: ['api-tokens', id], queryFn: () => take(api.GET('/api-tokens/{id}', at(id))) })

export const createApiToken = (body: Schema<'CreateApiToken'>) => take(api.POST('/api-tokens', { body }))
export const deleteApiToken = ({ id }: { id: string }) => take(api.DELETE('/api-tokens/{id}', at(id)))
