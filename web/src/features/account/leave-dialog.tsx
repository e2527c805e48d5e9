import Alert from '@mui/material/Alert'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useForget } from '../../session/use-forget'
import { useToast } from '../../ui/toast'
import { deleteMe } from './queries'

/** Deletes one's own account, by its password and its name. */
export function LeaveDialog({ login, onClose }: { login: string; onClose: () => void }) {
  const { t } = useTranslation(['account', 'common'])
  const toast = useToast()
  const forget = useForget()
  const form = useApiForm({
    schema: z.object({
      name: z.string().trim().refine((name) => name === login, t('leave.otherName')),
      password: z.string().min(1, t('common:form.needed')),
    }),
    values: { name: '', password: '' },
    send: async ({ password }) => {
      await deleteMe(password)
      await forget()
      toast({ text: t('leave.done') })
    },
  })
  return (
    <FormDialog api={form} title={t('leave.title')} act={t('leave.act')} destructive onClose={onClose}>
      <Alert severity="warning">{t('leave.text')}</Alert>
      <TextInput name="name" label={t('common:confirm.writeName', { name: login })} autoComplete="off" autoFocus ltr />
      <TextInput name="password" type="password" label={t('field.password')} autoComplete="current-password" />
    </FormDialog>
  )
}
