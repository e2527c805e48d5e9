// What the setup page asks, what it suggests, and the faults it finds before it troubles the server.

export const PASSWORD_BYTES = { least: 12, most: 71 }
export const WIREGUARD_PORT = 51_820

export interface SetupRequest {
  owner: { login: string; password: string }
  endpoint: { host: string; port: number }
  network: { name: string; ipv4: string | null; ipv6: string | null; dns: string[] }
  device: { name: string; public_key: string }
}

/** Field texts by their pointer, as typed. */
export type Fields = Record<string, string>

/** Bytes of UTF-8, which is what bcrypt counts. */
export function byteLength(password: string): number {
  return new TextEncoder().encode(password).length
}

export function passwordCount(password: string): string {
  const bytes = byteLength(password)
  const { least, most } = PASSWORD_BYTES
  if (bytes === 0) return `${least} to ${most} bytes; most letters are one byte each.`
  if (bytes < least) return `${bytes} of at least ${least} bytes.`
  if (bytes > most) return `${bytes} bytes; at most ${most}.`
  return `${bytes} bytes, good.`
}

/** A random ULA prefix: fd, 40 random bits, subnet 0 (RFC 4193 §3.2). */
export function randomUla(random: Uint8Array = crypto.getRandomValues(new Uint8Array(5))): string {
  const hex = `fd${Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  const groups = hex.match(/.{4}/g) ?? []
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}

/** An address typed in a URL stands in brackets; a configuration wants it without. */
export function suggestedHost(hostname: string): string {
  return hostname.replace(/^\[(?<address>.*)\]$/, '$<address>')
}

/** What to say about a host that other devices will not reach. */
export function hostWarning(host: string): string {
  const name = host.trim().toLowerCase()
  if (/^(localhost|127\.|::1$)/.test(name)) {
    return 'Only this machine reaches that. Give the name or address by which other devices reach the server.'
  }
  if (/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|fe80:|f[cd][0-9a-f]{2}:)/.test(name)) {
    return 'That is a private address: devices outside your own network will not reach it.'
  }
  return ''
}

export function suggestedDevice(userAgent: string): string {
  if (/iPhone|Android.*Mobile/.test(userAgent)) return 'phone'
  if (/iPad|Android/.test(userAgent)) return 'tablet'
  return 'laptop'
}

export function suggestions(hostname: string, userAgent: string): Fields {
  return {
    '/owner/login': '',
    '/owner/password': '',
    '/endpoint/host': suggestedHost(hostname),
    '/endpoint/port': String(WIREGUARD_PORT),
    '/network/name': 'Home',
    '/network/ipv4': '10.86.0.0/16',
    '/network/ipv6': randomUla(),
    '/network/dns': '9.9.9.9, 149.112.112.112, 2620:fe::fe',
    '/device/name': suggestedDevice(userAgent),
  }
}

/** Faults that need no server, by pointer. The server checks all of it again, and more. */
export function check(fields: Fields): Map<string, string> {
  const faults = new Map<string, string>()
  const value = (pointer: string): string => (fields[pointer] ?? '').trim()

  if (!/^[a-z0-9][a-z0-9._\-@+]{1,63}$/i.test(value('/owner/login'))) {
    faults.set('/owner/login', 'Use 2 to 64 of the letters a-z, digits and . _ - @ +, starting with a letter or digit.')
  }
  const bytes = byteLength(fields['/owner/password'] ?? '')
  if (bytes < PASSWORD_BYTES.least) faults.set('/owner/password', `Use at least ${PASSWORD_BYTES.least} bytes.`)
  if (bytes > PASSWORD_BYTES.most) faults.set('/owner/password', `Use at most ${PASSWORD_BYTES.most} bytes.`)
  if (value('/endpoint/host') === '') faults.set('/endpoint/host', 'Say where devices reach this server.')
  if (/[\s/[\]]/.test(value('/endpoint/host'))) {
    faults.set('/endpoint/host', 'Give only a name or an address: no scheme, path or brackets.')
  }
  if (!isPort(value('/endpoint/port'))) faults.set('/endpoint/port', 'A port is 1 to 65535.')
  for (const pointer of ['/network/name', '/device/name']) {
    if (value(pointer) === '') faults.set(pointer, 'Give it a name.')
  }
  if (value('/network/ipv4') === '' && value('/network/ipv6') === '') {
    faults.set('/network/ipv4', 'Give an IPv4 range, an IPv6 range, or both.')
  }
  const servers = list(value('/network/dns'))
  if (servers.length < 1 || servers.length > 4) {
    faults.set('/network/dns', 'Give one to four addresses, or devices would look names up outside the tunnel.')
  }
  return faults
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}

export function list(text: string): string[] {
  return text.split(/[\s,;]+/).filter((part) => part !== '')
}

export function toRequest(fields: Fields, publicKey: string): SetupRequest {
  const value = (pointer: string): string => (fields[pointer] ?? '').trim()
  return {
    owner: { login: value('/owner/login'), password: fields['/owner/password'] ?? '' },
    endpoint: { host: value('/endpoint/host'), port: Number(value('/endpoint/port')) },
    network: {
      name: value('/network/name'),
      ipv4: value('/network/ipv4') || null,
      ipv6: value('/network/ipv6') || null,
      dns: list(value('/network/dns')),
    },
    device: { name: value('/device/name'), public_key: publicKey },
  }
}
