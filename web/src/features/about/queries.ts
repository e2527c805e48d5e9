// What the page about the service asks of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'

export const systemQuery = queryOptions({ queryKey: ['system'], queryFn: () => take(api.GET('/system')) })
