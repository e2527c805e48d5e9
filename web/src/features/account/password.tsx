// A new password. It ends every other session; this one goes on with another cookie, and with another proof for changes.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { changeSession, setCsrfToken } from '../../api/client'
import { TextInput } from '../../form/fields'
import { Form, FormFault } from '../../form/form'
import { newPassword, NewPasswordInput } from '../../form/password-input'
import { useApiForm } from '../../form/use-api-form'
import { useMe } from '../../session/use-me'
import { Section } from '../../ui/parts'
import { useDone } from '../../ui/use-act'
import { setOwnPassword } from './queries'

export function PasswordPart() {
  const { t } = useTranslation('account')
  const me = useMe()
  return <Section title={t('password.title')}>{me.has_password ? <PasswordForm login={me.login} /> : <Typography>{t('password.none')}</Typography>}</Section>
}

function PasswordForm({ login }: { login: string }) {
  const { t } = useTranslation(['account', 'links', 'common'])
  const done = useDone()
  const api = useApiForm({
    schema: z.object({
      current_password: z.string().min(1, t('common:form.needed')),
      new_password: newPassword((key, values) => t(key, values ?? {})),
    }),
    values: { current_password: '', new_password: '' },
    send: async (values) => {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      changeSession(promise)
      try {
        const browser = await setOwnPassword(values)
        if (browser) setCsrfToken(browser.csrf_token)
        resolve(true)
      } catch (error) {
        resolve(false)
        throw error
      }
      api.form.reset()
      await done(t('password.done'))
    },
  })
  return (
    <Form api={api}>
      <Stack sx={{ gap: 2, maxWidth: 520 }}>
        <Typography color="text.secondary">{t('password.lead')}</Typography>
        <FormFault api={api} />
        {/* Password stores want to know whose it is. */}
        <input type="text" autoComplete="username" value={login} readOnly hidden />
        <TextInput name="current_password" type="password" label={t('password.current')} autoComplete="current-password" />
        <NewPasswordInput name="new_password" label={t('links:password.new')} />
        <Button type="submit" variant="contained" loading={api.busy} sx={{ alignSelf: 'flex-start' }}>
          {t('password.act')}
        </Button>
      </Stack>
    </Form>
  )
}
