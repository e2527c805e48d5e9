// What is done to a device, behind three dots: the same on its own page, in the list and on a member's card.

import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate } from 'react-router'

import { reach } from '../../api/access'
import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { useMe } from '../../session/use-me'
import type { ActionProps } from '../../ui/action'
import { ActionMenu } from '../../ui/action-menu'
import { useConfirm } from '../../ui/confirm'
import { useAct } from '../../ui/use-act'
import { useDeviceDialogs } from './device-dialogs'
import { createDeviceLink, deleteDevice, disableDevice, enableDevice, restoreDevice, setTimes } from './queries'
import { setsLimits, useWhyNot } from './use-why-not'

/** Their dialogs are those of `DeviceDialogs`. `short` leaves out what the page has buttons for. */
export function DeviceActs({ device, short = false }: { device: Device; short?: boolean }) {
  const { t } = useTranslation(['devices', 'common'])
  const act = useAct()
  const whyNot = useWhyNot(device)
  const toggle = useToggle(device)
  const remove = useDelete(device)
  const navigate = useNavigate()
  const extension = useExtension(device)
  const dialogs = useDeviceDialogs()
  const usual: ActionProps[] = [
    ...(short ? [] : [{ label: t('common:act.edit'), disabledReason: whyNot('device_update'), onRun: () => void navigate(paths.devices.edit(device.id)) }, toggle]),
    { label: t('config'), disabledReason: whyNot('device_reveal'), onRun: () => dialogs.show(device) },
    {
      label: t('link'),
      disabledReason: whyNot('device_link_create') ?? (device.has_private_key ? undefined : t('noServerKey')),
      onRun: () => void act(async () => dialogs.give(await createDeviceLink(device.id)), t('done.linkMade')),
    },
    ...(extension ? [extension] : []),
    { label: t('common:act.delete'), disabledReason: whyNot('device_delete'), onRun: remove },
  ]
  const back = useRestore(device)
  return <ActionMenu label={device.name} actions={device.deleted_at ? [back] : usual} />
}

/** Takes the deletion back. */
export function useRestore(device: Device): ActionProps {
  const { t } = useTranslation(['devices', 'common'])
  const act = useAct()
  const whyNot = useWhyNot(device)
  return { label: t('common:act.restore'), disabledReason: whyNot('device_restore'), onRun: () => void act(() => restoreDevice(device), t('done.restored', { name: device.name })) }
}

/** Gives more time; for those alone who set the ends of devices. */
export function useExtension(device: Device): ActionProps | undefined {
  const { t } = useTranslation('devices')
  const act = useAct()
  const whyNot = useWhyNot(device)
  const { extend } = useDeviceDialogs()
  const limits = setsLimits(useMe().role)

  async function run(): Promise<void> {
    const times = (await extend())?.(device)
    if (times) await act(() => setTimes(device, times), t('done.extended', { name: device.name }))
  }
  if (!limits) return undefined
  const endless = device.expires_at || device.duration_s ? undefined : t('noEnd')
  return { label: t('extend.menu'), disabledReason: whyNot('device_update') ?? endless, onRun: () => void run() }
}

/** Enables or disables. What an operator disabled, its owner does not enable. */
export function useToggle(device: Device): ActionProps {
  const { t } = useTranslation(['devices', 'common'])
  const act = useAct()
  const { role } = useMe()
  const whyNot = useWhyNot(device)
  const off = device.disabled
  const isOperators = device.disabled_by === 'operator' && reach(role, 'device_enable') === 'own'
  return {
    label: off ? t('common:act.enable') : t('common:act.disable'),
    disabledReason: isOperators ? t('askOperator') : whyNot(off ? 'device_enable' : 'device_disable'),
    onRun: () => void act(() => (off ? enableDevice(device) : disableDevice(device)), t(off ? 'done.enabled' : 'done.disabled', { name: device.name })),
  }
}

/** Deletes after its name was written, with a way back; from its own page to where it stood. */
export function useDelete(device: Device): () => void {
  const { t } = useTranslation(['devices', 'common'])
  const act = useAct()
  const confirm = useConfirm()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const member = useMe().role === 'member'
  const restore = () => void act(() => restoreDevice(device), t('done.restored', { name: device.name }))

  async function remove(): Promise<void> {
    const sure = await confirm({ title: t('deleteTitle', { name: device.name }), text: t('deleteText'), act: t('common:act.delete'), name: device.name, destructive: true })
    if (!sure) return
    // The page of what is gone would ask for it again.
    const leave = pathname.startsWith(paths.devices.detail(device.id))
    await act(
      async () => {
        if (leave) await navigate(member ? paths.home() : paths.devices.list())
        await deleteDevice(device)
      },
      { text: t('done.deleted', { name: device.name }), action: { label: t('common:act.undo'), run: restore } },
    )
  }
  return () => void remove()
}
