// What a list shows stands in its address: search, order, filters and place. So a link, a reload and "back" keep it.

import { useSearchParams } from 'react-router'

import type { ListQuery } from '../api/types'

export interface ListParams {
  query: ListQuery & Record<string, string>
  /** Changes some of it; the list begins anew. An empty value takes it out. */
  set: (changes: Record<string, string | undefined>) => void
  /** Goes to the page that begins here; undefined is the first. */
  goTo: (after: string | undefined) => void
}

export const ROWS = 50

export function useListParams(): ListParams {
  const [search, setSearch] = useSearchParams()
  const query = Object.fromEntries([...search.entries()].filter(([, value]) => value !== ''))

  function write(changes: Record<string, string | undefined>, replace: boolean): void {
    setSearch(
      (before) => {
        const after = new URLSearchParams(before)
        for (const [name, value] of Object.entries(changes)) {
          if (value) after.set(name, value)
          else after.delete(name)
        }
        return after
      },
      { replace },
    )
  }
  return {
    query,
    set: (changes) => write({ ...changes, after: undefined }, true),
    goTo: (after) => write({ after }, false),
  }
}
