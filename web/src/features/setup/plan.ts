// What the setup asks, what it suggests, and the faults it finds before it troubles the server.

import { z } from 'zod'

import type { Schema } from '../../api/types'
import { newPassword } from '../../form/password-input'
import { listOf, textOf } from '../../form/values'

const WIREGUARD_PORT = 51_820

/** The parts of the wizard, in their order. Each is also the name of its fields' object. */
export const PARTS = ['owner', 'endpoint', 'network', 'device'] as const
export type Part = (typeof PARTS)[number]

export type SetupValues = z.infer<ReturnType<typeof setupSchema>>

type Words = (key: string, values?: Record<string, unknown>) => string

/** The server's rules as far as they help while typing; it checks all of it again, and more. */
export function setupSchema(t: Words) {
  const name = z.string().trim().min(1, t('setup:fault.name')).max(64)
  return z.object({
    owner: z.object({
      login: z.string().trim().regex(/^[a-z0-9][a-z0-9._\-@+]{1,63}$/i, t('setup:fault.login')),
      password: newPassword(t),
    }),
    endpoint: z.object({
      host: z.string().trim().min(1, t('setup:fault.noHost')).regex(/^[^\s/[\]]*$/, t('setup:fault.host')),
      port: z.string().trim().refine(isPort, t('setup:fault.port')),
    }),
    network: z
      .object({
        name,
        ipv4: z.string(),
        ipv6: z.string(),
        dns: z.string().refine((text) => listOf(text).length >= 1 && listOf(text).length <= 4, t('setup:fault.dns')),
      })
      .refine(({ ipv4, ipv6 }) => ipv4.trim() !== '' || ipv6.trim() !== '', { path: ['ipv4'], message: t('setup:fault.ranges') }),
    device: z.object({ name }),
  })
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}

export function suggestions(hostname: string, userAgent: string, home: string): SetupValues {
  return {
    owner: { login: '', password: '' },
    endpoint: { host: suggestedHost(hostname), port: String(WIREGUARD_PORT) },
    network: { name: home, ipv4: '10.86.0.0/16', ipv6: randomUla(), dns: '9.9.9.9, 149.112.112.112, 2620:fe::fe' },
    device: { name: suggestedDevice(userAgent) },
  }
}

/** What a first device may be called. */
export function suggestedDevice(userAgent: string): string {
  if (/iPhone|Android.*Mobile/.test(userAgent)) return 'phone'
  return /iPad|Android/.test(userAgent) ? 'tablet' : 'laptop'
}

export function requestOf(values: SetupValues, publicKey: string): Schema<'SetupRequest'> {
  const { owner, endpoint, network, device } = values
  return {
    owner: { login: owner.login.trim(), password: owner.password },
    endpoint: { host: endpoint.host.trim(), port: Number(endpoint.port) },
    network: { name: network.name.trim(), ipv4: textOf(network.ipv4), ipv6: textOf(network.ipv6), dns: listOf(network.dns) },
    device: { name: device.name.trim(), public_key: publicKey },
  }
}

/** The first part in which something has to be mended. */
export function partAtFault(errors: object): Part | undefined {
  return PARTS.find((part) => part in errors)
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

/** Why other devices will not reach a host: the word for it among the texts, where there is one. */
export function hostWarning(host: string): 'loopback' | 'private' | 'local' | undefined {
  const name = host.trim().toLowerCase().replace(/\.$/, '')
  if (/^(127\.|::1$|0\.0\.0\.0$|::$)|(^|\.)localhost$/.test(name)) return 'loopback'
  // Link-local and unique local (RFC 4193) addresses, private ones (RFC 1918), and those that carriers share (RFC 6598).
  if (/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|fe[89ab][0-9a-f]:|f[cd][0-9a-f]{2}:)/.test(name)) return 'private'
  // Names of the home (RFC 6762, RFC 8375), and those without a dot, which only a home's own server knows.
  return /\.(local|lan|home|internal|home\.arpa)$/.test(name) || (name !== '' && /^[^.:]+$/.test(name)) ? 'local' : undefined
}

/** Whether a host can have a certificate of a public authority. */
export function isCertifiable(host: string): boolean {
  return host.trim() !== '' && hostWarning(host) === undefined
}

export function isAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host.trim())
}
