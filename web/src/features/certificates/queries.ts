// What the pages of certificates ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'
import type { ListSource, Schema } from '../../api/types'
import type { ReadLog } from './log-lines'

export type Certificate = Schema<'CertificateView'>

/** There are a few, which come at once; a name stands for the thing. */
export const certificates: ListSource<Certificate & { id: string }> = {
  key: 'certificates',
  page: async () => ({ items: (await take(api.GET('/certificates'))).items.map((each) => ({ ...each, id: each.name })) }),
}

export const certificateQuery = (name: string) =>
  queryOptions({ queryKey: ['certificates', name], queryFn: () => take(api.GET('/certificates/{name}', byName(name))) })

export const certificateLogQuery = (name: string) =>
  queryOptions({ queryKey: ['certificate-logs', name], queryFn: () => readLog(name) })

export const renewCertificate = (name: string) => take(api.POST('/certificates/{name}/renew', byName(name)))

async function readLog(name: string): Promise<ReadLog> {
  const asked = api.GET('/certificates/{name}/log', byName(name))
  const { items } = await take(asked)
  const { response } = await asked
  const readAtMs = Date.now()
  const told = Date.parse(response.headers.get('date') ?? '')
  // Something between may have taken the server's time away.
  return { lines: items, toldAtMs: Number.isNaN(told) ? readAtMs : told, readAtMs }
}

function byName(name: string) {
  return { params: { path: { name } } }
}
