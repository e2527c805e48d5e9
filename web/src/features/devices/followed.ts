// A device as a list has read it, followed by what the server has told since.

import type { Device } from '../../api/types'

/** What the server tells of a device that moves. */
interface Told {
  rx_bytes: number
  tx_bytes: number
  last_handshake_at: string | null
}

/** Either may be the newer: a list is read anew now and then, and of a device that rests nothing is told. */
export function followed(device: Device, told: Told | undefined): Device {
  if (!told) return device
  const [read, heard] = [device.last_handshake_at ?? null, told.last_handshake_at]
  const last = !read || (heard && Date.parse(heard) > Date.parse(read)) ? heard : read
  return { ...device, last_handshake_at: last, used_bytes: Math.max(device.used_bytes, told.rx_bytes + told.tx_bytes) }
}
