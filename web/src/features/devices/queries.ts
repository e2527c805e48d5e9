// What the pages of devices ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import { asked, type Asked, type Device, type ListSource, type Schema } from '../../api/types'

export const devices: ListSource<Device> = {
  key: 'devices',
  page: (query) => take(api.GET('/devices', { params: { query: asked<'/devices'>(query) } })),
}

export const deviceQuery = (id: string) =>
  queryOptions({ queryKey: ['devices', id], queryFn: () => take(api.GET('/devices/{id}', at(id))) })

/** The first devices of somebody, the newest at the top. */
export const devicesOfQuery = (userId: string, limit: number) =>
  queryOptions({
    queryKey: ['devices', 'of', userId, limit],
    queryFn: () => take(api.GET('/devices', { params: { query: { user_id: userId, limit, sort: '-created_at' } } })),
  })

export const deviceLiveQuery = (id: string) =>
  queryOptions({ queryKey: ['devices', id, 'live'], queryFn: () => take(api.GET('/devices/{id}/live', at(id))) })

export const deviceUsageQuery = (id: string, from: string, to: string) =>
  queryOptions({
    queryKey: ['devices', id, 'usage', from, to],
    queryFn: async () => (await take(api.GET('/devices/{id}/usage', { params: { path: { id }, query: { from, to } } }))).days,
  })

export const diagnosisQuery = (id: string) =>
  queryOptions({ queryKey: ['devices', id, 'diagnosis'], queryFn: () => take(api.GET('/devices/{id}/diagnosis', at(id))), staleTime: 0 })

/** The same `repeat` with the same body makes one device, however often it is sent. */
export const createDevice = (body: Schema<'CreateDevice'>, repeat: string) =>
  take(api.POST('/devices', { params: { header: { 'Idempotency-Key': repeat } }, body }))

export const updateDevice = (device: Device, body: Schema<'UpdateDevice'>) =>
  take(api.PATCH('/devices/{id}', { ...atRevision(device), body }))

export const deleteDevice = (device: Device) => take(api.DELETE('/devices/{id}', atRevision(device)))
export const restoreDevice = ({ id }: { id: string }) => take(api.POST('/devices/{id}/restore', at(id)))
export const enableDevice = ({ id }: { id: string }) => take(api.POST('/devices/{id}/enable', at(id)))
export const disableDevice = ({ id }: { id: string }) => take(api.POST('/devices/{id}/disable', at(id)))

/** Both answers are secrets: they are held by the dialog that shows them and never kept among the answers. */
export const revealDevice = (id: string) => take(api.POST('/devices/{id}/reveal', at(id)))
export const createDeviceLink = (id: string) => take(api.POST('/devices/{id}/link', at(id)))

/** Sets the times of a device that may have changed since it was read. */
export async function setTimes({ id }: Device, times: Pick<Schema<'UpdateDevice'>, 'expires_at' | 'duration_s'>): Promise<void> {
  const device = await take(api.GET('/devices/{id}', at(id)))
  await updateDevice(device, times)
}

/** A list of devices as its address says it. */
export const ofUser = (userId: string): string => `?${new URLSearchParams({ user_id: userId } satisfies Partial<Asked>).toString()}`
