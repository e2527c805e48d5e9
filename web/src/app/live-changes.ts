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

/** Kinds of which few come, and somebody waits for each. What is read anew with them stands beside. */
const AT_ONCE: Record<string, readonly string[]> = { certificate_log: ['certificates'] }

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
    readAnew(stale)
  }
  function readAnew(stale: ReadonlySet<string>): void {
    void client.invalidateQueries({ predicate: ({ queryKey }) => stale.has(String(queryKey[0])) })
  }
  return {
    add(data) {
      if (typeof data !== 'object' || data === null || !('kind' in data) || typeof data.kind !== 'string') return
      const beside = AT_ONCE[data.kind]
      if (beside) return readAnew(new Set([keyOf(data.kind), ...beside]))
      keys.add(keyOf(data.kind))
      // One's own account is kept under a name of its own.
      if (data.kind === 'user') keys.add('me')
      timer ??= setTimeout(flush, GATHERED_MS)
    },
    stop: () => clearTimeout(timer),
  }
}
