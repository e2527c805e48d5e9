// Users, devices and networks that the words in the palette fit, found by the server.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'

import { api, take } from '../../api/client'
import { useCan } from '../../session/use-me'
import { NOUNS } from '../nouns'
import { paths } from '../paths'
import type { Entry, Group } from './entries'

/** More of a kind is what its list is for. */
const FOUND = 5
/** A pause in typing that is the end of a word. */
const PAUSE_MS = 200

export function useThings(text: string): { groups: Group[]; busy: boolean } {
  const asked = usePaused(text.trim())
  const users = useFound('users', 'user_list', asked, async (query, signal) =>
    (await take(api.GET('/users', { params: { query }, signal }))).items.map((user) => ({
      id: `user-${user.id}`, text: user.login, note: user.display_name, to: paths.users.detail(user.id),
    })),
  )
  const devices = useFound('devices', 'device_list', asked, async (query, signal) =>
    (await take(api.GET('/devices', { params: { query }, signal }))).items.map(({ id, name, note }) => ({
      id: `device-${id}`, text: name, note: note ?? '', to: paths.devices.detail(id),
    })),
  )
  const networks = useFound('networks', 'network_list', asked, async (query, signal) =>
    (await take(api.GET('/networks', { params: { query }, signal }))).items.map(({ id, name }) => ({
      id: `network-${id}`, text: name, to: paths.networks.detail(id),
    })),
  )
  const all = [users, devices, networks]
  return {
    groups: asked === '' ? [] : all.flatMap(({ group }) => (group.entries.length > 0 ? [group] : [])),
    busy: asked !== text.trim() || all.some(({ busy }) => busy),
  }
}

type Kind = 'users' | 'devices' | 'networks'
type Ask = (query: { q: string; limit: number }, signal: AbortSignal) => Promise<Entry[]>

/** What was asked before is given up by its signal when something else is asked. */
function useFound(key: Kind, action: Parameters<ReturnType<typeof useCan>>[0], q: string, ask: Ask): { group: Group; busy: boolean } {
  const can = useCan()
  const { data, isFetching } = useQuery({
    queryKey: [key, 'palette', q],
    queryFn: ({ signal }) => ask({ q, limit: FOUND }, signal),
    enabled: q !== '' && can(action) && NOUNS.some((noun) => noun.key === key),
    placeholderData: keepPreviousData,
    retry: false,
  })
  return { group: { key, entries: data ?? [] }, busy: isFetching }
}

function usePaused(text: string): string {
  const [paused, setPaused] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return paused
}
