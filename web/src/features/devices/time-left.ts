// When a device stops: what is left of its time, and what more time makes of it. Days are of 24 hours, as the server's.

import type { Device, Schema } from '../../api/types'

export const DAY_S = 86_400

/** From here on it is said that the time is running out. */
const SOON_S = 7 * DAY_S

export type Ending =
  | { kind: 'never' }
  /** Its time begins with its first use. */
  | { kind: 'fromUse'; seconds: number }
  | { kind: 'ends' | 'soon' | 'over'; at: string }

/** Of a device, or of a user, who has the first alone. */
export type Times = Pick<Device, 'expires_at' | 'duration_s' | 'first_handshake_at'>

/** The first moment at which it stops. */
export function ending(device: Times, now: number): Ending {
  const { expires_at: expires, duration_s: seconds, first_handshake_at: used } = device
  const moments = [expires, used && seconds ? new Date(Date.parse(used) + seconds * 1000).toISOString() : undefined]
    .filter((moment) => typeof moment === 'string')
    .toSorted((a, b) => Date.parse(a) - Date.parse(b))
  const at = moments[0]
  if (at === undefined) return seconds ? { kind: 'fromUse', seconds } : { kind: 'never' }
  const left = (Date.parse(at) - now) / 1000
  return { kind: left <= 0 ? 'over' : left < SOON_S ? 'soon' : 'ends', at }
}

export type NewTimes = Pick<Schema<'UpdateDevice'>, 'expires_at' | 'duration_s'>

/** So many days more: from now where its time is over. What has no end stays without one. */
export function extended({ expires_at, duration_s, first_handshake_at }: Times, days: number, now: number): NewTimes | undefined {
  const more = days * DAY_S
  const times: NewTimes = {}
  if (expires_at) times.expires_at = new Date(Math.max(now, Date.parse(expires_at)) + more * 1000).toISOString()
  if (duration_s) {
    const usedFor = first_handshake_at ? Math.max(0, (now - Date.parse(first_handshake_at)) / 1000) : 0
    times.duration_s = Math.min(LONGEST_USE_S, Math.round(Math.max(usedFor, duration_s) + more))
  }
  return expires_at || duration_s ? times : undefined
}

/** The longest time of use that the API takes: ten years. */
const LONGEST_USE_S = 315_360_000

/** A device is online while its last handshake is younger: `ONLINE_FOR` of the server's `domain/device.rs`. */
const ONLINE_MS = 180_000

export function isOnline(lastHandshake: string | null | undefined, now: number): boolean {
  return lastHandshake ? now - Date.parse(lastHandshake) < ONLINE_MS : false
}
