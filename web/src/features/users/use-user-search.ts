// Users by what is typed: there may be thousands, so never all of them are asked for.

import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'

import type { Asked, User } from '../../api/types'
import { users } from './queries'

const SHOWN = 20
/** A pause in typing that is the end of a word. */
const PAUSE_MS = 250

export interface UserSearch {
  found: readonly User[]
  loading: boolean
  /** Whether they were searched for; else they are the first of all. */
  searching: boolean
  type: (text: string) => void
}

/** `known` is what the box says without being a search: the name of who was chosen. */
export function useUserSearch(known = ''): UserSearch {
  const [typed, setTyped] = useState('')
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const searching = asked !== '' && asked !== known
  const { data, isFetching } = useQuery({
    queryKey: [users.key, 'choices', searching ? asked : ''],
    queryFn: () => users.page({ ...(searching ? { q: asked } : {}), limit: SHOWN, sort: 'login' } as unknown as Asked),
    placeholderData: keepPreviousData,
  })
  return { found: data?.items ?? [], loading: isFetching, searching, type: setTyped }
}
