import type { User } from '../../api/types'

/** The state in one word: that of the account, unless it is deleted. */
export function stateOf({ deleted_at, state }: Pick<User, 'deleted_at' | 'state'>): User['state'] | 'deleted' {
  return deleted_at ? 'deleted' : state
}
