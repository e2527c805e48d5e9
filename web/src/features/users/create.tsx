import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { textOf } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { createUser } from './queries'
import { bodyOf, UserFields, userSchema, valuesOf } from './user-form'

export function Component() {
  const { t } = useTranslation(['users', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const form = useApiForm({
    schema: userSchema((key) => t(`common:${key}`)),
    values: valuesOf(undefined),
    send: async (values) => {
      const { display_name, ...body } = bodyOf(values)
      const made = await createUser({ ...body, display_name: textOf(display_name), password: values.password || null })
      await done(t('done.created', { name: made.login }))
      await navigate(paths.users.detail(made.id), { replace: true })
    },
  })
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={() => void navigate(paths.users.list())}>
      <UserFields isNew />
    </FormDialog>
  )
}
