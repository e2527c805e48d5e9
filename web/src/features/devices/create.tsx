// Makes a device, and hands over its configuration at once. The key pair lives as long as this dialog.

import { useSuspenseQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useSearchParams } from 'react-router'

import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { type KeyPair, makeKeyPair } from '../../lib/keys'
import { useMe } from '../../session/use-me'
import { useDone } from '../../ui/use-act'
import { networkChoicesQuery } from '../networks/queries'
import { deviceSchema, NewDeviceFields, newBodyOf, valuesOf } from './device-form'
import { Handover } from './handover'
import { createDevice } from './queries'

export function Component() {
  const { t } = useTranslation(['devices', 'common'])
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const [made, setMade] = useState<{ device: Device; privateKey?: string }>()
  const member = useMe().role === 'member'
  const back = () => void navigate({ pathname: member ? paths.home() : paths.devices.list(), search: search.toString() }, { replace: true })

  if (!made) return <DeviceDialog onMade={(device, privateKey) => setMade({ device, ...(privateKey ? { privateKey } : {}) })} onClose={back} />
  const { device } = made
  return (
    <Handover
      {...made}
      title={t('ready', { name: device.name })}
      onClose={() => (member ? back() : void navigate(paths.devices.detail(device.id), { replace: true }))}
      closesByAddress
    />
  )
}

function DeviceDialog({ onMade, onClose }: { onMade: (device: Device, privateKey: string | undefined) => void; onClose: () => void }) {
  const { t } = useTranslation(['devices', 'common'])
  const me = useMe()
  const done = useDone()
  const [search] = useSearchParams()
  const { data: networks } = useSuspenseQuery(networkChoicesQuery)
  // An answer that was lost is asked for again with the same key pair, which the server knows by then.
  const once = useRef<{ repeat: string; keys?: KeyPair }>({ repeat: randomWord() })
  const form = useApiForm({
    schema: deviceSchema((key) => t(`common:${key}`)),
    values: { ...valuesOf(undefined, search.get('user_id') ?? me.id), network_id: search.get('network_id') ?? networks[0]?.id ?? '' },
    send: async (values) => {
      const keys = values.key === 'browser' ? (once.current.keys ??= await makeKeyPair()) : undefined
      const device = await createDevice(newBodyOf(values, keys?.publicKey), once.current.repeat)
      onMade(device, keys?.privateKey)
      await done(t('done.created', { name: device.name }))
    },
  })
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={onClose}>
      <NewDeviceFields />
    </FormDialog>
  )
}

/** `crypto.randomUUID` is missing on pages that came over plain HTTP. */
function randomWord(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
