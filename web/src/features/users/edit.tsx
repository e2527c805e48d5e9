import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { updateUser, userQuery } from './queries'
import { bodyOf, UserFields, userSchema, valuesOf } from './user-form'

export function Component() {
  const { t } = useTranslation(['users', 'common'])
  const { id = '' } = useParams()
  const read = useSuspenseQuery(userQuery(id))
  const user = read.data
  const navigate = useNavigate()
  const done = useDone()
  const close = () => void navigate(paths.users.detail(id))
  const form = useEditForm({
    read,
    schema: userSchema((key) => t(`common:${key}`)),
    values: valuesOf,
    send: async (opened, before, typed) => {
      await updateUser(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: user.login })} act={t('common:act.save')} onClose={close}>
      <UserFields current={user.role} />
    </FormDialog>
  )
}
