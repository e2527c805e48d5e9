import type { User } from '../../api/types'

/** The state in one word. The API calls an account disabled as well whose time is over; that is told apart here. */
export function stateOf({ deleted_at, disabled, state }: Pick<User, 'deleted_at' | 'disabled' | 'state'>): 'active' | 'disabled' | 'expired' | 'deleted' {
  if (deleted_at) return 'deleted'
  return state === 'disabled' && !disabled ? 'expired' : state
}
