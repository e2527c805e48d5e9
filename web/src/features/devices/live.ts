// What a device does at this moment: as the server tells it, and until it has told, as it is asked for once.

import { useQuery } from '@tanstack/react-query'

import type { Schema } from '../../api/types'
import { useDeviceLive as useTold } from '../../app/live'
import { deviceLiveQuery } from './queries'

interface Live extends Schema<'DeviceLiveView'> {
  /** Bytes in each second, where the server tells of every change. */
  rx_bytes_per_s?: number
  tx_bytes_per_s?: number
}

export interface DeviceLive {
  live: Live | undefined
  busy: boolean
  look: () => void
}

export function useDeviceLive(id: string): DeviceLive {
  const told = useTold(id)
  const { data, isFetching, refetch } = useQuery(deviceLiveQuery(id))
  return { live: told ?? data, busy: isFetching, look: () => void refetch() }
}
