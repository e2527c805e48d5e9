// What the server has told lately, kept outside of the query cache because it changes every few seconds: what devices
// move now, and what passed through all nodes in the last minutes.

export interface DeviceLive {
  id: string
  online: boolean
  rx_bytes: number
  tx_bytes: number
  rx_bytes_per_s: number
  tx_bytes_per_s: number
  last_handshake_at: string | null
}

export interface TrafficPoint {
  atMs: number
  rx: number
  tx: number
}

/** How far back the line of traffic goes. */
export const REMEMBERED_MS = 5 * 60_000

type Listener = () => void

const devices = new Map<string, DeviceLive>()
const deviceListeners = new Map<string, Set<Listener>>()
let traffic: readonly TrafficPoint[] = []
const trafficListeners = new Set<Listener>()

export function putDevices(rows: unknown): void {
  if (!Array.isArray(rows)) return
  for (const row of rows.filter(isDeviceLive)) {
    devices.set(row.id, row)
    for (const tell of deviceListeners.get(row.id) ?? []) tell()
  }
}

export function deviceLive(id: string): DeviceLive | undefined {
  return devices.get(id)
}

export function onDevice(id: string, tell: Listener): () => void {
  const listeners = deviceListeners.get(id) ?? new Set()
  deviceListeners.set(id, listeners.add(tell))
  return () => {
    listeners.delete(tell)
    if (listeners.size === 0) deviceListeners.delete(id)
  }
}

/** Adds what passes now. Points are a second apart at least, so that a refetch beside an event makes no knot. */
export function putTraffic(rx: number, tx: number, nowMs = Date.now()): void {
  const last = traffic.at(-1)
  if (last && nowMs - last.atMs < 1000) return
  traffic = [...traffic.filter(({ atMs }) => nowMs - atMs < REMEMBERED_MS), { atMs: nowMs, rx, tx }]
  for (const tell of trafficListeners) tell()
}

export function trafficLately(): readonly TrafficPoint[] {
  return traffic
}

export function onTraffic(tell: Listener): () => void {
  trafficListeners.add(tell)
  return () => trafficListeners.delete(tell)
}

/** Forgets everything: the next to sign in on this machine may be somebody else. */
export function forgetLive(): void {
  devices.clear()
  traffic = []
}

function isDeviceLive(value: unknown): value is DeviceLive {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'online' in value
}
