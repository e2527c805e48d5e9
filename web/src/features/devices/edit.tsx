import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { changed } from '../../form/values'
import { useMe } from '../../session/use-me'
import { useAct } from '../../ui/use-act'
import { bodyOf, deviceSchema, LimitFields, valuesOf } from './device-form'
import { deviceQuery, updateDevice } from './queries'
import { setsLimits } from './use-why-not'

export function Component() {
  const { id = '' } = useParams()
  const { data: device } = useSuspenseQuery(deviceQuery(id))
  const navigate = useNavigate()
  return <EditDevice device={device} onClose={() => void navigate(paths.devices.detail(id))} />
}

/** Only what was changed is sent: who sets no limits may not name them. */
export function EditDevice({ device: now, onClose }: { device: Device; onClose: () => void }) {
  const { t } = useTranslation(['devices', 'common'])
  const me = useMe()
  const act = useAct()
  const form = useApiForm({
    schema: deviceSchema((key) => t(`common:${key}`)),
    values: valuesOf(now),
    send: async (values) => {
      await updateDevice(now, changed(bodyOf(valuesOf(now)), bodyOf(values)))
      onClose()
      await act(async () => {}, t('common:done.saved'))
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: now.name })} act={t('common:act.save')} onClose={onClose}>
      <TextInput name="name" label={t('field.name')} hint={t('hint.name')} autoFocus autoComplete="off" />
      {setsLimits(me.role) && <LimitFields />}
    </FormDialog>
  )
}
