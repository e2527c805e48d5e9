// What the page about the service asks of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'

export const systemQuery = queryOptions({ queryKey: ['system'], queryFn: () => take(api.GET('/system')) })

interface Notice {
  packages: string[]
  text: string
}

/** The licences of others' packages in these pages, which the build gathered. They are fetched when they are looked at. */
export const noticesQuery = queryOptions({
  queryKey: ['notices'],
  // It is empty, and typed so, before the pages were built.
  queryFn: async (): Promise<readonly Notice[]> => (await import('../../api/generated/notices.json')).default,
})
