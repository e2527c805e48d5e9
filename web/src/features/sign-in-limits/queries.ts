// What the page of sign-in limits asks of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'
import type { Schema } from '../../api/types'

export type LimitedAddress = Schema<'LimitedAddress'>
export type LimitedAccount = Schema<'LimitedAccount'>

/** Waits end by themselves, and nothing tells of it. */
const EVERY_MS = 30_000

export const limitsQuery = queryOptions({ queryKey: ['ratelimits'], queryFn: () => take(api.GET('/ratelimits')), refetchInterval: EVERY_MS })

export const liftLimit = (body: Schema<'LiftLimit'>) => take(api.POST('/ratelimits/unban', { body }))
