// What a device does at this moment: asked for once, then as the server tells of it.

import { useQuery } from '@tanstack/react-query'

import type { Schema } from '../../api/types'
import { useDeviceLive as useTold } from '../../app/live'
import { deviceLiveQuery } from './queries'

export interface DeviceLive {
  live: Schema<'DeviceLiveView'> | undefined
  busy: boolean
  look: () => void
}

export function useDeviceLive(id: string): DeviceLive {
  const { data, isFetching, refetch } = useQuery(deviceLiveQuery(id))
  const told = useTold(id)
  return { live: told ?? data, busy: isFetching, look: () => void refetch() }
}
