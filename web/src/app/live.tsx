// What happens on the server, as it happens: one line for the whole page, no polling. The line carries what the parts
// that are shown ask for, and is let go of while nobody looks at the page.

import Box from '@mui/material/Box'
import Tooltip from '@mui/material/Tooltip'
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'

import { api } from '../api/client'
import type { Schema } from '../api/types'
import { gatherChanges } from './live-changes'
import { type DeviceLive, deviceLive, forgetLive, onDevice, putDevices, putTraffic } from './live-store'
import { type LineState, openStream, type Stream, type Topic } from './live-stream'

/** Where the overview is kept, by the page that shows it and by the line that tells of it. */
export const OVERVIEW_KEY = ['overview']

/** A page that was left for as long as this gives up its line: a browser has six for all pages of a server over HTTP/1.1. */
const HIDDEN_MS = 30_000

interface LiveValue {
  state: LineState
  /** Asks for a topic until the answer is called. */
  want: (topic: Topic) => () => void
}

const Context = createContext<LiveValue>({ state: 'connecting', want: () => () => {} })

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient()
  const [state, setState] = useState<LineState>('connecting')
  const stream = useRef<Stream>(undefined)
  const wanted = useRef<Topic[]>(['changed'])

  useEffect(() => {
    const changes = gatherChanges(client)
    const mine = openStream({
      open: (address) => new EventSource(address),
      // Asking who one is brings up the sign-in, where that is what the server wanted.
      mayGoOn: async () => (await api.GET('/me')).response.status !== 401,
      onState: setState,
      onMissed: () => void client.invalidateQueries(),
      onEvent: (topic, data) => {
        if (topic === 'changed') changes.add(data)
        if (topic === 'device') putDevices(data)
        if (topic === 'overview' && isOverview(data)) {
          client.setQueryData(OVERVIEW_KEY, data)
          putTraffic(data.traffic.rx_bytes_per_s, data.traffic.tx_bytes_per_s)
        }
      },
    })
    stream.current = mine
    mine.listen(wanted.current)
    const stopWatching = whileHidden(
      () => mine.close(),
      () => mine.listen(wanted.current),
    )
    return () => {
      stopWatching()
      changes.stop()
      mine.close()
      forgetLive()
    }
  }, [client])

  const want = useCallback((topic: Topic) => {
    wanted.current = [...wanted.current, topic]
    renew()
    return () => {
      wanted.current = wanted.current.toSpliced(wanted.current.indexOf(topic), 1)
      renew()
    }
    // Parts that come and go together, as when a page is left for another, ask for one new line and not for several.
    function renew(): void {
      setTimeout(() => {
        if (document.visibilityState === 'visible') stream.current?.listen(wanted.current)
      })
    }
  }, [])
  return <Context value={useMemo(() => ({ state, want }), [state, want])}>{children}</Context>
}

/** Calls when the page is hidden for long, and whenever somebody looks again: meanwhile it may have come to want more. */
function whileHidden(onLeft: () => void, onBack: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  function watch(): void {
    clearTimeout(timer)
    if (document.visibilityState === 'hidden') timer = setTimeout(onLeft, HIDDEN_MS)
    else onBack()
  }
  // It may have been opened in the background. What is wanted then is listened to already.
  if (document.visibilityState === 'hidden') watch()
  document.addEventListener('visibilitychange', watch)
  return () => {
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', watch)
  }
}

/** Listens to a topic while the part that calls it is shown. */
export function useTopic(topic: Topic): void {
  const { want } = useContext(Context)
  useEffect(() => want(topic), [want, topic])
}

/** Whether the server tells what happens: where it does, nobody needs to ask. */
export function useIsLive(): boolean {
  return useContext(Context).state === 'live'
}

/** Calls when the line has come to be open while the part that calls it is shown. */
export function useOnLive(act: () => void): void {
  const { state } = useContext(Context)
  const before = useRef(state)
  const latest = useRef(act)
  useEffect(() => {
    latest.current = act
  })
  useEffect(() => {
    if (state === 'live' && before.current !== 'live') latest.current()
    before.current = state
  }, [state])
}

/** What a device moves now; undefined until the server has told of it. Some part that is shown listens to the topic `device`. */
export function useDeviceTold(id: string): DeviceLive | undefined {
  return useSyncExternalStore(
    useCallback((tell) => onDevice(id, tell), [id]),
    () => deviceLive(id),
  )
}

/** Whether what is shown follows the server. */
export function LiveDot() {
  const { t } = useTranslation()
  const { state } = useContext(Context)
  const text = t(`live.${state}`)
  return (
    <Tooltip title={text}>
      <Box component="output" sx={{ display: 'block', p: 1 }}>
        <Box sx={{ width: 10, height: 10, borderRadius: '50%', bgcolor: TONES[state], transition: 'background-color 0.3s' }} />
        <span className="visually-hidden">{text}</span>
      </Box>
    </Tooltip>
  )
}

const TONES = { live: 'success.main', connecting: 'text.disabled', offline: 'warning.main' } as const

/** Whole overviews come from the same server as the answer of the same name. */
function isOverview(data: unknown): data is Schema<'OverviewView'> {
  return typeof data === 'object' && data !== null && 'devices' in data && 'traffic' in data
}
