// Who may do what: the server's own table, so that a page offers what will work and says why the rest will not.

import { ACCESS } from './generated/access'
import type { Action, Role } from './types'

/** How far a role reaches with an operation. The server decides in the end, also by whom the thing belongs to. */
export function reach(role: Role, action: Action): 'all' | 'own' | 'none' {
  return ACCESS[action][role]
}

/** Whether this role may create, change or remove an account of role `other`: `Role::manages` of the server. */
export function manages(role: Role, other: Role): boolean {
  const order: Role[] = ['owner', 'admin', 'operator', 'support', 'auditor', 'member']
  switch (role) {
    case 'owner':
      return true
    case 'admin':
      return order.indexOf(other) > order.indexOf('admin')
    case 'operator':
      return other === 'member'
    default:
      return false
  }
}
