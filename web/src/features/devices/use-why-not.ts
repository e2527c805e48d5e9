// Who may act on a device: by role, and by whose it is.

import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { manages } from '../../api/access'
import type { Action, Device, Role } from '../../api/types'
import { useForbidden, useMe } from '../../session/use-me'
import { userQuery } from '../users/queries'

/** `Actor::may_touch_device_of` of the server. */
export function touchesDevicesOf(role: Role, owner: Role): boolean {
  return manages(role, owner) || (role === 'support' && owner === 'member')
}

/** Whether one sets expiry and limits: `Actor::sets_limits` of the server. */
export function setsLimits(role: Role): boolean {
  return manages(role, 'member')
}

/** Why an act does not work on this device; undefined where it does. */
export function useWhyNot(device: Device): (action: Action) => string | undefined {
  const { t } = useTranslation(['devices', 'common'])
  const forbidden = useForbidden()
  const me = useMe()
  const mine = device.user_id === me.id
  const { data: owner } = useQuery({ ...userQuery(device.user_id), enabled: !mine })
  return (action) => {
    const no = forbidden(action)
    if (no) return no
    if (!mine && owner && !touchesDevicesOf(me.role, owner.role)) return t('notYours', { role: t(`common:role.${owner.role}`) })
    return undefined
  }
}
