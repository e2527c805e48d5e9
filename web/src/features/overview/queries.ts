// What the overview asks of the API: the figures once, which the live line keeps up to date from then on.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'
import type { Schema } from '../../api/types'
import { OVERVIEW_KEY } from '../../app/live'
import { filled, lastDays } from '../devices/usage-days'

export type Overview = Schema<'OverviewView'>

export const overviewQuery = queryOptions({ queryKey: OVERVIEW_KEY, queryFn: () => take(api.GET('/overview')) })

export const RANGES = [7, 30, 90] as const
export type Range = (typeof RANGES)[number]

export const usageQuery = (days: Range) =>
  queryOptions({
    queryKey: ['usage', days],
    queryFn: async () => {
      const query = lastDays(days, Date.now())
      return filled((await take(api.GET('/usage', { params: { query } }))).days, query.from, query.to)
    },
    staleTime: 60_000,
  })

export const lastEventsQuery = queryOptions({
  queryKey: ['audit', 'last'],
  queryFn: () => take(api.GET('/audit', { params: { query: { limit: 8 } } })),
})
