// What the pages of users ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type ListSource, type Schema, type User } from '../../api/types'

export const users: ListSource<User> = {
  key: 'users',
  page: (query) => take(api.GET('/users', { params: { query: asked<'/users'>(query) } })),
}

export const userQuery = (id: string) =>
  queryOptions({ queryKey: ['users', id], queryFn: () => take(api.GET('/users/{id}', at(id))) })

export const createUser = (body: Schema<'CreateUser'>) => take(api.POST('/users', { body }))

export const updateUser = (user: User, body: Schema<'UpdateUser'>) =>
  take(api.PATCH('/users/{id}', { ...atRevision(user), body }))

/** Sets the end of an account that may have changed since it was read. */
export async function setExpiry({ id }: User, expires_at: string | null): Promise<void> {
  await updateUser(await take(api.GET('/users/{id}', at(id))), { expires_at })
}

export const deleteUser = (user: User) => take(api.DELETE('/users/{id}', atRevision(user)))
export const restoreUser = ({ id }: { id: string }) => take(api.POST('/users/{id}/restore', at(id)))
export const enableUser = ({ id }: { id: string }) => take(api.POST('/users/{id}/enable', at(id)))
export const disableUser = ({ id }: { id: string }) => take(api.POST('/users/{id}/disable', at(id)))
export const disableMfa = (id: string) => take(api.POST('/users/{id}/disable-mfa', at(id)))
export const createResetLink = (id: string) => take(api.POST('/users/{id}/reset-link', at(id)))

export const setPassword = (id: string, body: Schema<'SetPassword'>) =>
  take(api.POST('/users/{id}/password', { ...at(id), body }))

export const userUsageQuery = (id: string, from: string, to: string) =>
  queryOptions({
    queryKey: ['users', id, 'usage', from, to],
    queryFn: async () => (await take(api.GET('/users/{id}/usage', { params: { path: { id }, query: { from, to } } }))).days,
  })

export const sessionsOfQuery = (userId: string) =>
  queryOptions({
    queryKey: ['sessions', 'of', userId],
    queryFn: () => take(api.GET('/sessions', { params: { query: { user_id: userId } } })),
  })
