// The page behind a link that sets a new password.

import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { newPassword, NewPasswordInput } from '../../form/password-input'
import { useApiForm } from '../../form/use-api-form'
import { forgetFragment } from '../../lib/fragment'
import { Door } from '../../session/door'
import { DoorForm } from '../links/door-form'
import { Finished, isSpent, OneTimePage, Spent } from '../links/one-time-page'
import { redeemReset } from '../links/queries'

export function Component() {
  const { t } = useTranslation('links')
  return <OneTimePage title={t('reset.title')}>{(token) => <Reset key={token} token={token} />}</OneTimePage>
}

function Reset({ token }: { token: string }) {
  const { t } = useTranslation('links')
  const [done, setDone] = useState(false)
  const api = useApiForm({
    schema: z.object({ password: newPassword((key, values) => t(key, values ?? {})) }),
    values: { password: '' },
    send: async ({ password }) => {
      await redeemReset({ token, password })
      forgetFragment()
      setDone(true)
    },
  })
  if (done) return <Finished title={t('reset.doneTitle')} text={t('reset.done')} />
  if (isSpent(api.fault)) return <Spent title={t('reset.title')} fault={api.fault} hint={t('reset.askAgain')} />
  return (
    <Door title={t('reset.title')}>
      <DoorForm api={api} lead={t('reset.lead')} act={t('reset.act')}>
        <NewPasswordInput name="password" label={t('password.new')} autoFocus />
      </DoorForm>
    </Door>
  )
}
