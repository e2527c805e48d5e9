// Which scopes a token may be given: those that its holder's role reaches, found by words and grouped by noun.

import { byNoun } from '../../api/action-words'
import { reach } from '../../api/access'
import { SCOPES } from '../../api/generated/words'
import type { Role } from '../../api/types'
import type { Scope } from './queries'

export type OneScope = Exclude<Scope, 'all'>

export function scopesOf(role: Role): OneScope[] {
  return SCOPES.filter((scope): scope is OneScope => scope !== 'all' && reach(role, scope) !== 'none')
}

/** Every word must be in the id or in its name. */
export function findScopes(scopes: readonly OneScope[], words: string, nameOf: (scope: string) => string): [noun: string, scopes: OneScope[]][] {
  const wanted = words.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  return byNoun(scopes.filter((scope) => wanted.every((word) => `${scope} ${nameOf(scope)}`.toLocaleLowerCase().includes(word))))
}

/** With a group ticked as a whole, or taken out as a whole. */
export function toggled(chosen: readonly string[], group: readonly string[], on: boolean): string[] {
  const others = chosen.filter((scope) => !group.includes(scope))
  return on ? [...others, ...group] : others
}
