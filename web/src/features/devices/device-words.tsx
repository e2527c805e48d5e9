// How a device is spoken of: its state and why, whether it is there, how long it may go on, how much it has moved.

import Box from '@mui/material/Box'
import Chip from '@mui/material/Chip'
import LinearProgress from '@mui/material/LinearProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import type { Device } from '../../api/types'
import { useFormats } from '../../i18n/use-formats'
import { StateChip } from '../../ui/parts'
import { useNow } from '../../ui/use-now'
import { ending, isOnline } from './time-left'

export function DeviceState({ device }: { device: Device }) {
  const { t } = useTranslation('devices')
  if (device.deleted_at) return <StateChip state="deleted" />
  // Most states say it all; a reason is told where it lies with the owner.
  const reason = device.reason ? t(`reason.${device.reason}`, { defaultValue: '' }) : ''
  return <StateChip state={device.state} reason={reason || undefined} />
}

/** `alone` where no words beside it say the same. */
export function OnlineDot({ lastHandshake, alone = false }: { lastHandshake: string | null | undefined; alone?: boolean }) {
  const { t } = useTranslation('devices')
  const online = isOnline(lastHandshake, useNow())
  return (
    <>
      <Box component="span" aria-hidden="true" sx={{ display: 'inline-block', flexShrink: 0, width: 10, height: 10, borderRadius: '50%', border: 2, borderColor: online ? 'success.main' : 'text.secondary', bgcolor: online ? 'success.main' : 'transparent' }} />
      {alone && <span className="visually-hidden">{t(online ? 'online' : 'offline')}</span>}
    </>
  )
}

/** When it was last there, in words; `short` where a heading says so. */
export function useSeen(short = false): (lastHandshake: string | null | undefined) => string {
  const { t } = useTranslation(['devices', 'common'])
  const format = useFormats()
  const now = useNow()
  return (last) => {
    if (!last) return t(short ? 'common:never' : 'neverSeen')
    if (isOnline(last, now)) return t('online')
    return short ? format.ago(last) : t('seen', { ago: format.ago(last) })
  }
}

/** When it stops, in words; undefined where it does not. `short` where a heading says what the moment is. */
export function useEnding(short = false): (device: Device) => string | undefined {
  const { t } = useTranslation('devices')
  const format = useFormats()
  const now = useNow()
  return (device) => {
    const end = ending(device, now)
    if (end.kind === 'never') return undefined
    if (end.kind === 'fromUse') return t('ends.fromUse', { span: format.duration(end.seconds) })
    if (short) return format.ago(end.at)
    return t(end.kind === 'over' ? 'ends.over' : 'ends.in', { ago: format.ago(end.at) })
  }
}

const PILLS = { never: 'default', fromUse: 'default', ends: 'default', soon: 'warning', over: 'error' } as const

export function EndingPill({ device, short = false }: { device: Device; short?: boolean }) {
  const text = useEnding(short)(device)
  const { kind } = ending(device, useNow())
  if (text === undefined) return null
  return <Chip size="small" variant="outlined" color={PILLS[kind]} label={text} />
}

/** From this part of the limit on the bar warns. */
const NEARLY = 0.8

export function UsedOfLimit({ used, limit, label }: { used: number; limit: number | null | undefined; label: string }) {
  const { t } = useTranslation('devices')
  const format = useFormats()
  if (!limit) return <Typography variant="body2">{format.bytes(used)}</Typography>
  const part = Math.min(1, used / limit)
  return (
    <Stack sx={{ width: '100%', justifyContent: 'center', gap: 0.5 }}>
      <Typography variant="body2" sx={{ lineHeight: 1.2 }}>
        {t('usedOf', { used: format.bytes(used), limit: format.bytes(limit) })}
      </Typography>
      <LinearProgress variant="determinate" value={part * 100} color={part >= 1 ? 'error' : part >= NEARLY ? 'warning' : 'primary'} aria-label={label} />
    </Stack>
  )
}
