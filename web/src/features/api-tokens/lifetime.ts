/** How long a token may live, in days, beside "for ever" and a date of one's own. */
export const LIFETIMES_D = ['30', '90', '365'] as const

const DAY_MS = 86_400_000

/** The moment at which a token ends; null is never. */
export function endOf(lifetime: string, own: string, now: number): string | null {
  if (lifetime === 'own') return own || null
  return lifetime === 'never' ? null : new Date(now + Number(lifetime) * DAY_MS).toISOString()
}
