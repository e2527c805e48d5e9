// What the pages of certificates ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'
import type { ListSource, Schema } from '../../api/types'

export type Certificate = Schema<'CertificateView'>

/** There are a few, which come at once; a name stands for the thing. */
export const certificates: ListSource<Certificate & { id: string }> = {
  key: 'certificates',
  page: async () => ({ items: (await take(api.GET('/certificates'))).items.map((each) => ({ ...each, id: each.name })) }),
}

export const certificateQuery = (name: string) =>
  queryOptions({ queryKey: ['certificates', name], queryFn: () => take(api.GET('/certificates/{name}', byName(name))) })

export const certificateLogQuery = (name: string) =>
  queryOptions({ queryKey: ['certificate-logs', name], queryFn: () => take(api.GET('/certificates/{name}/log', byName(name))) })

export const renewCertificate = (name: string) => take(api.POST('/certificates/{name}/renew', byName(name)))

function byName(name: string) {
  return { params: { path: { name } } }
}
