// What becomes of a section when the settings have changed meanwhile, by another section or by somebody else.

/**
 * - `follow`: nothing of the section has changed; it goes on from the new revision.
 * - `take`: the section shows the new values, since nothing was typed over them.
 * - `hold`: somebody else changed what is being changed here; a save is refused until the new values were looked at.
 */
export type Advance = 'follow' | 'take' | 'hold'

export function advance(base: unknown, next: unknown, dirty: boolean): Advance {
  if (JSON.stringify(base) === JSON.stringify(next)) return 'follow'
  return dirty ? 'hold' : 'take'
}
