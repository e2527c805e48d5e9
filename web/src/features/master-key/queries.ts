// What the page of the master key asks of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, take } from '../../api/client'

export const masterKeyQuery = queryOptions({ queryKey: ['master-key'], queryFn: () => take(api.GET('/master-key')) })

export const rotateMasterKey = () => take(api.POST('/master-key/rotate'))
