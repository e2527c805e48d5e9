// Which answers are out of date when the server says that a thing changed.

import type { QueryClient } from '@tanstack/react-query'

/** Acts on many rows tell of each; a list is read anew once for all of them. */
const GATHERED_MS = 1000

/** Words whose plural is not made by an "s". */
const PLURALS: Record<string, string> = {
  webhook_delivery: 'webhook-deliveries',
  settings: 'settings',
  master_key: 'master-key',
}

/** The key under which pages keep answers about a kind of thing: the noun's path. */
export function keyOf(kind: string): string {
  return PLURALS[kind] ?? `${kind.replaceAll('_', '-')}s`
}

export interface Changes {
  add(data: unknown): void
  stop(): void
}

export function gatherChanges(client: QueryClient): Changes {
  const keys = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined

  function flush(): void {
    timer = undefined
    // Whatever changed stands in the audit, too.
    const stale = new Set([...keys, 'audit'])
    keys.clear()
    void client.invalidateQueries({ predicate: ({ queryKey }) => stale.has(String(queryKey[0])) })
  }
  return {
    add(data) {
      if (typeof data !== 'object' || data === null || !('kind' in data) || typeof data.kind !== 'string') return
      keys.add(keyOf(data.kind))
      // One's own account is kept under a name of its own.
      if (data.kind === 'user') keys.add('me')
      timer ??= setTimeout(flush, GATHERED_MS)
    },
    stop: () => clearTimeout(timer),
  }
}
