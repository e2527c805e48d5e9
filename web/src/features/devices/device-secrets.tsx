// Holds what is shown once above the rows that ask for it: a row may leave the page, or be drawn anew when a phone is
// turned, and what it held would be gone for good.

import { createContext, type ReactNode, useContext, useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { Device, Schema } from '../../api/types'
import { OneTimeLink } from '../../app/one-time'
import { paths } from '../../app/paths'
import { Handover } from './handover'

interface Secrets {
  /** Opens the configuration of a device. */
  show: (device: Device) => void
  /** Shows a link that was just made. */
  give: (link: Schema<'LinkView'>) => void
}

const Context = createContext<Secrets>({ show: () => {}, give: () => {} })

export function useDeviceSecrets(): Secrets {
  return useContext(Context)
}

export function DeviceSecrets({ children }: { children: ReactNode }) {
  const { t } = useTranslation('devices')
  const [device, show] = useState<Device>()
  const [link, give] = useState<Schema<'LinkView'>>()
  const [secrets] = useState<Secrets>({ show, give })
  return (
    <Context value={secrets}>
      {children}
      {device && <Handover key={device.id} device={device} title={t('configOf', { name: device.name })} onClose={() => show(undefined)} />}
      {link && <OneTimeLink title={t('link')} url={`${location.origin}${paths.link()}#${link.token}`} expiresAt={link.expires_at} onClose={() => give(undefined)} />}
    </Context>
  )
}
