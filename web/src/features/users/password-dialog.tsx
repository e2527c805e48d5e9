import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { User } from '../../api/types'
import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useDone } from '../../ui/use-act'
import { setPassword } from './queries'

export function PasswordDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation(['users', 'common'])
  const done = useDone()
  const form = useApiForm({
    schema: z.object({ password: z.string().min(12, t('common:form.passwordShort')) }),
    values: { password: '' },
    send: async (values) => {
      await setPassword(user.id, values)
      await done(t('done.passwordSet', { name: user.login }))
      onClose()
    },
  })
  return (
    <FormDialog api={form} title={t('setPassword')} act={t('common:act.save')} onClose={onClose}>
      <TextInput name="password" type="password" label={t('field.password')} hint={t('hint.newPassword')} autoComplete="new-password" autoFocus />
    </FormDialog>
  )
}
