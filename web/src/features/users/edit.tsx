import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { changed } from '../../form/values'
import { useAct } from '../../ui/use-act'
import { updateUser, userQuery } from './queries'
import { bodyOf, UserFields, userSchema, valuesOf } from './user-form'

export function Component() {
  const { t } = useTranslation(['users', 'common'])
  const { id = '' } = useParams()
  const { data: user } = useSuspenseQuery(userQuery(id))
  const navigate = useNavigate()
  const act = useAct()
  const close = () => void navigate(paths.users.detail(id))
  const form = useApiForm({
    schema: userSchema((key) => t(`common:${key}`)),
    values: valuesOf(user),
    send: async (values) => {
      await updateUser(user, changed(bodyOf(valuesOf(user)), bodyOf(values)))
      await act(async () => {}, t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: user.login })} act={t('common:act.save')} onClose={close}>
      <UserFields current={user.role} />
    </FormDialog>
  )
}
