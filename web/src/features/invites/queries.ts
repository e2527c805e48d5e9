// What the pages of invites ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type Invite = Schema<'InviteView'>

export const invites: ListSource<Invite> = {
  key: 'invites',
  page: (query) => take(api.GET('/invites', { params: { query: asked<'/invites'>(query) } })),
}

export const inviteQuery = (id: string) => queryOptions({ queryKey: ['invites', id], queryFn: () => take(api.GET('/invites/{id}', at(id))) })

export const createInvite = (body: Schema<'CreateInvite'>) => take(api.POST('/invites', { body }))
export const deleteInvite = ({ id }: { id: string }) => take(api.DELETE('/invites/{id}', at(id)))
