// What the page of jobs asks of the API.

import { api, at, take } from '../../api/client'
import { asked, type ListSource, type Schema } from '../../api/types'

export type Job = Schema<'JobView'>

export const jobs: ListSource<Job> = {
  key: 'jobs',
  page: (query) => take(api.GET('/jobs', { params: { query: asked<'/jobs'>(query) } })),
}

export const jobQuery = (id: string) => ({ queryKey: ['jobs', id], queryFn: () => take(api.GET('/jobs/{id}', at(id))) })

export const retryJob = ({ id }: { id: string }) => take(api.POST('/jobs/{id}/retry', at(id)))
