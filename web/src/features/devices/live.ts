// What a device does at this moment: as the server tells it, and until it has told, as it is asked for once.

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useRef } from 'react'

import type { Device, Schema } from '../../api/types'
import { useDeviceTold, useTopic } from '../../app/live'
import { followed } from './followed'
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

/** How soon after a move sums are read anew. A busy device tells of itself every two seconds, and that is too often for them. */
const READ_ANEW_MS = 10_000

export function useDeviceLive(id: string): DeviceLive {
  useTopic('device')
  const told = useDeviceTold(id)
  useSumsFollow(id, told && told.rx_bytes + told.tx_bytes)
  const { data, isFetching, refetch } = useQuery(deviceLiveQuery(id))
  return { live: told ?? data, busy: isFetching, look: () => void refetch() }
}

/** Has rows below follow the server: once for a page, however many rows it has. */
export function useFollowing(): void {
  useTopic('device')
}

/** A row of a list as the server tells of it since. */
export function useFollowed(device: Device): Device {
  return followed(device, useDeviceTold(device.id))
}

/** What was read of the device before it moved says less than the line tells: its sum, its days, its first use. */
function useSumsFollow(id: string, movedBytes: number | undefined): void {
  const client = useQueryClient()
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const readAnew = useEffectEvent(() => {
    timer.current = undefined
    void client.invalidateQueries({ queryKey: ['devices', id], predicate: ({ queryKey: [, , part] }) => part === undefined || part === 'usage' })
  })
  useEffect(() => {
    if (movedBytes !== undefined) timer.current ??= setTimeout(() => readAnew(), READ_ANEW_MS)
  }, [movedBytes])
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = undefined
    },
    [],
  )
}
