// The dialogs that a device's acts open, above the rows that ask for them: a row may leave the page, or be drawn anew when
// a phone is turned, and what it held, as a secret that is shown once, would be gone for good.

import { createContext, type ReactNode, useContext, useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { Device, Schema } from '../../api/types'
import { OneTimeLink } from '../../app/one-time'
import { paths } from '../../app/paths'
import { type AskExtend, useExtend } from './extend-dialog'
import { Handover } from './handover'

interface Dialogs {
  /** Opens the configuration of a device. */
  show: (device: Device) => void
  /** Shows a link that was just made. */
  give: (link: Schema<'LinkView'>) => void
  /** Asks how much more time there is to be. */
  extend: AskExtend
}

const Context = createContext<Dialogs>({ show: () => {}, give: () => {}, extend: async () => undefined })

export function useDeviceDialogs(): Dialogs {
  return useContext(Context)
}

export function DeviceDialogs({ children }: { children: ReactNode }) {
  const { t } = useTranslation('devices')
  const [device, show] = useState<Device>()
  const [link, give] = useState<Schema<'LinkView'>>()
  const { dialog, ask } = useExtend()
  const [dialogs] = useState<Dialogs>({ show, give, extend: ask })
  return (
    <Context value={dialogs}>
      {children}
      {dialog}
      {device && <Handover key={device.id} device={device} title={t('configOf', { name: device.name })} onClose={() => show(undefined)} />}
      {link && <OneTimeLink title={t('link')} url={`${location.origin}${paths.link()}#${link.token}`} expiresAt={link.expires_at} onClose={() => give(undefined)} />}
    </Context>
  )
}
