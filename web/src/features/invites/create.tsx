import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { z } from 'zod'

import { manages } from '../../api/access'
import type { Schema } from '../../api/types'
import { OneTimeLink } from '../../app/one-time'
import { paths } from '../../app/paths'
import { MomentInput, SelectInput, TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { bytesOf, numberOf, optionalNumber, textOf } from '../../form/values'
import { LETTER_LANGUAGES } from '../../i18n/letter-languages'
import { useMe } from '../../session/use-me'
import { useDone } from '../../ui/use-act'
import { ROLES } from '../users/user-form'
import { createInvite } from './queries'

/** The link that is shown once, kept here alone. */
interface Made {
  token: string
  expires_at: string
}

function inviteSchema(number: string) {
  return z.object({
    role: z.enum(['owner', 'admin', 'operator', 'support', 'auditor', 'member']),
    email: z.string(),
    language: z.enum(['', 'en', 'de', 'es', 'fa', 'ru', 'zh']),
    device_limit: optionalNumber(number),
    data_limit_bytes: optionalNumber(number),
    account_expires_at: z.string(),
    expires_at: z.string(),
  })
}

export function Component() {
  const { t } = useTranslation(['invites', 'users', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const me = useMe()
  const [made, setMade] = useState<Made>()
  const close = () => void navigate(paths.invites.list())
  const form = useApiForm<z.infer<ReturnType<typeof inviteSchema>>>({
    schema: inviteSchema(t('common:form.number')),
    values: { role: 'member', email: '', language: '', device_limit: '', data_limit_bytes: '', account_expires_at: '', expires_at: '' },
    send: async (values) => {
      const body: Schema<'CreateInvite'> = {
        role: values.role,
        email: textOf(values.email),
        language: values.language || null,
        device_limit: numberOf(values.device_limit),
        data_limit_bytes: bytesOf(values.data_limit_bytes),
        account_expires_at: textOf(values.account_expires_at),
        expires_at: textOf(values.expires_at),
      }
      const { token, expires_at, mailed } = await createInvite(body)
      await done(t(mailed ? 'done.mailed' : 'done.created'))
      if (token) setMade({ token, expires_at })
      else close()
    },
  })
  if (made) return <OneTimeLink title={t('linkTitle')} url={`${location.origin}${paths.invite()}#${made.token}`} expiresAt={made.expires_at} onClose={close} closesByAddress />
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={close}>
      <SelectInput name="role" label={t('field.role')} options={ROLES.filter((role) => manages(me.role, role)).map((role) => [role, t(`common:role.${role}`)] as const)} />
      <TextInput name="email" ltr inputMode="email" label={t('field.email')} hint={t('hint.email')} autoFocus />
      <SelectInput name="language" label={t('users:field.language')} none={t('users:languageOfService')} options={LETTER_LANGUAGES} />
      <TextInput name="device_limit" inputMode="numeric" label={t('field.deviceLimit')} hint={t('hint.noLimit')} />
      <TextInput name="data_limit_bytes" inputMode="decimal" end="GB" label={t('field.dataLimit')} hint={t('hint.noLimit')} />
      <MomentInput name="account_expires_at" label={t('field.accountExpires')} hint={t('hint.accountExpires')} />
      <MomentInput name="expires_at" label={t('field.expires')} hint={t('hint.expires')} />
    </FormDialog>
  )
}
