import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useMe } from '../../session/use-me'
import { useDone } from '../../ui/use-act'
import { bodyOf, deviceSchema, LimitFields, valuesOf } from './device-form'
import { deviceQuery, updateDevice } from './queries'
import { setsLimits } from './use-why-not'

export function Component() {
  const { id = '' } = useParams()
  const { t } = useTranslation(['devices', 'common'])
  const read = useSuspenseQuery(deviceQuery(id))
  const navigate = useNavigate()
  const me = useMe()
  const done = useDone()
  const close = () => void navigate(paths.devices.detail(id))
  const form = useEditForm({
    read,
    schema: deviceSchema((key) => t(`common:${key}`)),
    values: (device) => valuesOf(device),
    // Only what was changed is sent: who sets no limits may not name them.
    send: async (opened, before, typed) => {
      await updateDevice(opened, changed(bodyOf(before), bodyOf(typed)))
      close()
      await done(t('common:done.saved'))
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: read.data.name })} act={t('common:act.save')} onClose={close}>
      <TextInput name="name" label={t('field.name')} hint={t('hint.name')} autoFocus autoComplete="off" />
      {setsLimits(me.role) && <LimitFields />}
    </FormDialog>
  )
}
