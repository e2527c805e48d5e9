// The fields of a network, for making one and for changing one. Its pools are set once.

import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Network, Schema } from '../../api/types'
import { SwitchInput, TextInput } from '../../form/fields'
import { linesOf, listOf } from '../../form/values'

export type NetworkValues = z.infer<ReturnType<typeof networkSchema>>

/** The server's rules as far as they help while typing; `domain/network.rs` decides. */
export function networkSchema(t: (key: string) => string) {
  const whole = z.string().regex(/^\s*\d+\s*$/, t('common:form.number'))
  return z
    .object({
      name: z.string().trim().min(1, t('common:form.needed')).max(64),
      ipv4: z.string().trim(),
      ipv6: z.string().trim(),
      dns: z.string(),
      routes: z.string(),
      mtu: whole,
      keepalive_s: whole,
      isolated: z.boolean(),
    })
    .refine(({ ipv4, ipv6 }) => ipv4 !== '' || ipv6 !== '', { path: ['ipv4'], message: t('poolNeeded') })
}

export function valuesOf(network: Network | undefined): NetworkValues {
  return {
    name: network?.name ?? '',
    ipv4: network?.ipv4?.net ?? '',
    ipv6: network?.ipv6?.net ?? '',
    dns: linesOf(network?.dns),
    routes: linesOf(network?.routes ?? ['0.0.0.0/0', '::/0']),
    mtu: String(network?.mtu ?? 1420),
    keepalive_s: String(network?.keepalive_s ?? 25),
    isolated: network?.isolated ?? true,
  }
}

/** What the API takes of it, but for the pools. */
export function bodyOf(values: NetworkValues): Required<Schema<'UpdateNetwork'>> {
  return {
    name: values.name.trim(),
    dns: listOf(values.dns),
    routes: listOf(values.routes),
    mtu: Number(values.mtu),
    keepalive_s: Number(values.keepalive_s),
    isolated: values.isolated,
  }
}

export function NetworkFields({ isNew = false }: { isNew?: boolean }) {
  const { t } = useTranslation('networks')
  return (
    <>
      <TextInput name="name" label={t('field.name')} autoFocus autoComplete="off" />
      {isNew && <TextInput name="ipv4" ltr label={t('field.ipv4')} hint={t('hint.ipv4')} placeholder="10.8.0.0/24" />}
      {isNew && <TextInput name="ipv6" ltr label={t('field.ipv6')} hint={t('hint.ipv6')} placeholder="fd00:8::/64" />}
      <TextInput name="dns" ltr multiline minRows={2} label={t('field.dns')} hint={t('hint.dns')} />
      <TextInput name="routes" ltr multiline minRows={2} label={t('field.routes')} hint={t('hint.routes')} />
      <TextInput name="mtu" inputMode="numeric" label={t('field.mtu')} hint={t('hint.mtu')} />
      <TextInput name="keepalive_s" inputMode="numeric" label={t('field.keepalive')} hint={t('hint.keepalive')} />
      <SwitchInput name="isolated" label={t('field.isolated')} hint={t('hint.isolated')} />
    </>
  )
}
