// The fields of a device, for making one and for changing one.

import ExpandMore from '@mui/icons-material/ExpandMore'
import Button from '@mui/material/Button'
import Collapse from '@mui/material/Collapse'
import Stack from '@mui/material/Stack'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { useFormState, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { reach } from '../../api/access'
import type { Device, Network, Schema } from '../../api/types'
import { MomentInput, SelectInput, SwitchInput, TextInput } from '../../form/fields'
import { bytesOf, gbOf, numberOf, optionalNumber, textOf } from '../../form/values'
import { useMe } from '../../session/use-me'
import { networkChoicesQuery } from '../networks/queries'
import { UserField } from '../users/user-field'
import { DAY_S } from './time-left'
import { setsLimits } from './use-why-not'

export type DeviceValues = z.infer<ReturnType<typeof deviceSchema>>

/** The server's rules as far as they help while typing; `domain/name.rs` and `domain/device.rs` decide. */
export function deviceSchema(t: (key: string) => string) {
  return z.object({
    name: z.string().trim().min(1, t('form.needed')).max(64),
    user_id: z.string(),
    network_id: z.string(),
    /** In days, as people count. */
    duration_s: optionalNumber(t('form.number')),
    expires_at: z.string(),
    data_limit_bytes: optionalNumber(t('form.number')),
    note: z.string().max(500),
    key: z.enum(['browser', 'server']),
    preshared_key: z.boolean(),
  })
}

export function valuesOf(device: Device | undefined, userId = ''): DeviceValues {
  return {
    name: device?.name ?? '',
    user_id: device?.user_id ?? userId,
    network_id: device?.network_id ?? '',
    duration_s: device?.duration_s ? String(device.duration_s / DAY_S) : '',
    expires_at: device?.expires_at ?? '',
    data_limit_bytes: gbOf(device?.data_limit_bytes),
    note: device?.note ?? '',
    key: 'browser',
    preshared_key: true,
  }
}

/** What the API takes of it for a change. */
export function bodyOf(values: DeviceValues): Required<Schema<'UpdateDevice'>> {
  const days = numberOf(values.duration_s)
  return {
    name: values.name.trim(),
    note: values.note.trim(),
    duration_s: days === null ? null : Math.round(days * DAY_S),
    expires_at: textOf(values.expires_at),
    data_limit_bytes: bytesOf(values.data_limit_bytes),
  }
}

/** What the API takes for a new one. What is left empty is left out: members may not even say that there is no limit. */
export function newBodyOf(values: DeviceValues, publicKey: string | undefined): Schema<'CreateDevice'> {
  const { name, note, duration_s, expires_at, data_limit_bytes } = bodyOf(values)
  return {
    name,
    preshared_key: values.preshared_key,
    ...(values.user_id ? { user_id: values.user_id } : {}),
    ...(values.network_id ? { network_id: values.network_id } : {}),
    ...(note ? { note } : {}),
    ...(duration_s === null ? {} : { duration_s }),
    ...(expires_at === null ? {} : { expires_at }),
    ...(data_limit_bytes === null ? {} : { data_limit_bytes }),
    ...(publicKey ? { public_key: publicKey } : {}),
  }
}

const FOLDED = ['duration_s', 'expires_at', 'data_limit_bytes', 'note', 'key', 'preshared_key']

export function NewDeviceFields() {
  const { t } = useTranslation('devices')
  const me = useMe()
  const networks = useQuery(networkChoicesQuery).data ?? []
  const { errors } = useFormState()
  const [open, setOpen] = useState(false)
  const id = useId()
  const shown = open || FOLDED.some((name) => name in errors)
  return (
    <>
      <TextInput name="name" label={t('field.name')} hint={t('hint.name')} autoFocus autoComplete="off" />
      {reach(me.role, 'device_create') === 'all' && <UserField name="user_id" label={t('field.user')} hint={t('hint.user')} />}
      {networks.length > 1 && <SelectInput name="network_id" label={t('field.network')} options={networks.map((network: Network) => [network.id, network.name] as const)} />}
      <Button
        color="inherit"
        sx={{ alignSelf: 'flex-start' }}
        aria-expanded={shown}
        aria-controls={id}
        endIcon={<ExpandMore sx={{ transform: shown ? 'rotate(180deg)' : 'none' }} />}
        onClick={() => setOpen(!shown)}
      >
        {t('more')}
      </Button>
      <Collapse in={shown} id={id} unmountOnExit>
        <Stack sx={{ gap: 2 }}>
          {setsLimits(me.role) && <LimitFields />}
          <KeyFields />
        </Stack>
      </Collapse>
    </>
  )
}

export function LimitFields() {
  const { t } = useTranslation('devices')
  return (
    <>
      <MomentInput name="expires_at" label={t('field.expires')} hint={t('hint.expires')} />
      <TextInput name="duration_s" inputMode="decimal" end={t('days')} label={t('field.duration')} hint={t('hint.duration')} />
      <TextInput name="data_limit_bytes" inputMode="decimal" end="GB" label={t('field.dataLimit')} hint={t('hint.dataLimit')} />
      <TextInput name="note" label={t('field.note')} hint={t('hint.note')} multiline />
    </>
  )
}

function KeyFields() {
  const { t } = useTranslation('devices')
  const key: unknown = useWatch({ name: 'key' })
  return (
    <>
      <SelectInput
        name="key"
        label={t('field.key')}
        hint={key === 'server' ? t('hint.keyServer') : t('hint.keyBrowser')}
        options={[['browser', t('keyBrowser')], ['server', t('keyServer')]]}
      />
      <SwitchInput name="preshared_key" label={t('field.presharedKey')} hint={t('hint.presharedKey')} />
    </>
  )
}
