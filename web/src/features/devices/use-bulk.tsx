// What is done to many devices at once.

import Block from '@mui/icons-material/Block'
import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import Delete from '@mui/icons-material/DeleteOutlined'
import MoreTime from '@mui/icons-material/MoreTime'
import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'

import type { Device } from '../../api/types'
import type { BulkAct } from '../../list/bulk-bar'
import { useCan, useMe } from '../../session/use-me'
import { useDeviceDialogs } from './device-dialogs'
import { deleteDevice, disableDevice, enableDevice, restoreDevice, setTimes } from './queries'
import { setsLimits } from './use-why-not'

export function useBulk(): BulkAct<Device>[] {
  const { t } = useTranslation(['devices', 'common'])
  const can = useCan()
  const limits = setsLimits(useMe().role)
  const deleted = useSearchParams()[0].get('deleted') === 'true'
  const { extend } = useDeviceDialogs()
  const name = (device: Device) => device.name

  const restore: BulkAct<Device> = { key: 'restore', label: t('common:act.restore'), icon: <RestoreFromTrash />, run: restoreDevice, name }
  const acts: (BulkAct<Device> | false)[] = [
    can('device_enable') && { key: 'enable', label: t('common:act.enable'), icon: <CheckCircle />, run: enableDevice, undo: disableDevice, needed: (device) => device.disabled, name },
    can('device_disable') && { key: 'disable', label: t('common:act.disable'), icon: <Block />, run: disableDevice, undo: enableDevice, needed: (device) => !device.disabled, name },
    limits && {
      key: 'extend',
      label: t('extend.act'),
      icon: <MoreTime />,
      run: async () => {},
      prepare: async () => {
        const times = await extend(true)
        if (!times) return undefined
        return {
          needed: (device) => times(device) !== undefined,
          run: async (device) => {
            const next = times(device)
            if (next) await setTimes(device, next)
          },
        }
      },
      undo: (device) => setTimes(device, { expires_at: device.expires_at ?? null, duration_s: device.duration_s ?? null }),
      name,
    },
    can('device_delete') && { key: 'delete', label: t('common:act.delete'), icon: <Delete />, run: deleteDevice, undo: restoreDevice, warning: t('deleteManyText'), name },
  ]
  const bulk = deleted ? [can('device_restore') && restore] : acts
  return bulk.filter((each) => each !== false)
}
