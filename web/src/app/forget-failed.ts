import type { QueryClient } from '@tanstack/react-query'

/**
 * Answers that never came are asked for again when somebody comes back to the page that wanted them. Left as they are,
 * a page that waits for its answers would throw the fault of the first time again and again.
 */
export function forgetFailed(client: QueryClient): void {
  client.removeQueries({ type: 'inactive', predicate: ({ state }) => state.status === 'error' && state.data === undefined })
}
