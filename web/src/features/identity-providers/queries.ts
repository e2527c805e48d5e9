// What the pages of identity providers ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type IdentityProvider = Schema<'IdentityProviderView'>

export const identityProviders: ListSource<IdentityProvider> = {
  key: 'identity-providers',
  page: (query) => take(api.GET('/identity-providers', { params: { query: asked<'/identity-providers'>(query) } })),
}

export const identityProviderQuery = (id: string) =>
  queryOptions({ queryKey: ['identity-providers', id], queryFn: () => take(api.GET('/identity-providers/{id}', at(id))) })

export const createIdentityProvider = (body: Schema<'CreateIdentityProvider'>) => take(api.POST('/identity-providers', { body }))

export const updateIdentityProvider = (provider: IdentityProvider, body: Schema<'UpdateIdentityProvider'>) =>
  take(api.PATCH('/identity-providers/{id}', { ...atRevision(provider), body }))

export const deleteIdentityProvider = (provider: IdentityProvider) => take(api.DELETE('/identity-providers/{id}', atRevision(provider)))
export const testIdentityProvider = (id: string) => take(api.POST('/identity-providers/{id}/test', at(id)))
