// What a device does at this moment, asked for once and again when the reader wants it.

import { useQuery } from '@tanstack/react-query'

import type { Schema } from '../../api/types'
import { deviceLiveQuery } from './queries'

export interface DeviceLive {
  live: Schema<'DeviceLiveView'> | undefined
  busy: boolean
  look: () => void
}

export function useDeviceLive(id: string): DeviceLive {
  const { data, isFetching, refetch } = useQuery(deviceLiveQuery(id))
  return { live: data, busy: isFetching, look: () => void refetch() }
}
