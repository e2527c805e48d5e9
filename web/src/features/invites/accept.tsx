// The page behind an invite: makes the account.

import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { TextInput } from '../../form/fields'
import { newPassword, NewPasswordInput } from '../../form/password-input'
import { useApiForm } from '../../form/use-api-form'
import { forgetFragment } from '../../lib/fragment'
import { Door } from '../../session/door'
import { DoorForm } from '../links/door-form'
import { Finished, isSpent, OneTimePage, Spent } from '../links/one-time-page'
import { redeemInvite } from '../links/queries'

export function Component() {
  const { t } = useTranslation('links')
  return <OneTimePage title={t('invite.title')}>{(token) => <Accept key={token} token={token} />}</OneTimePage>
}

function Accept({ token }: { token: string }) {
  const { t } = useTranslation('links')
  const [made, setMade] = useState<string>()
  const api = useApiForm({
    schema: z.object({
      login: z.string().trim().regex(/^[a-z0-9][a-z0-9._\-@+]{1,63}$/i, t('invite.loginRule')),
      display_name: z.string().max(100),
      password: newPassword((key, values) => t(key, values ?? {})),
    }),
    values: { login: '', display_name: '', password: '' },
    send: async ({ login, display_name, password }) => {
      const name = display_name.trim()
      const account = await redeemInvite({ token, login: login.trim(), password, ...(name ? { display_name: name } : {}) })
      forgetFragment()
      setMade(account.login)
    },
  })
  if (made !== undefined) return <Finished title={t('invite.doneTitle')} text={t('invite.done', { login: made })} />
  if (isSpent(api.fault)) return <Spent title={t('invite.title')} fault={api.fault} hint={t('invite.askAgain')} />
  return (
    <Door title={t('invite.title')}>
      <DoorForm api={api} lead={t('invite.lead')} act={t('invite.act')}>
        <TextInput name="login" label={t('login')} hint={t('invite.loginHint')} autoComplete="username" autoFocus ltr />
        <TextInput name="display_name" label={t('invite.name')} autoComplete="name" />
        <NewPasswordInput name="password" label={t('password.label')} />
      </DoorForm>
    </Door>
  )
}
