// A new password. It ends every session, also this one, so the page signs in again with it at once.

import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { changeSession } from '../../api/client'
import { TextInput } from '../../form/fields'
import { Form, FormFault } from '../../form/form'
import { newPassword, NewPasswordInput } from '../../form/password-input'
import { useApiForm } from '../../form/use-api-form'
import { type SecondFactor, signIn, type Step } from '../../session/session'
import { SignInSteps } from '../../session/steps'
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
  const [question, setQuestion] = useState<SecondFactor>()
  const arrived = useRef<(done: boolean) => void>(undefined)
  // Who leaves before the second factor is asked by the doorkeeper, as everybody whose session has ended.
  useEffect(() => {
    if (question) return () => arrived.current?.(false)
    return undefined
  }, [question])
  const finish = async () => {
    arrived.current?.(true)
    await done(t('password.done'))
  }
  const api = useApiForm({
    schema: z.object({
      current_password: z.string().min(1, t('common:form.needed')),
      new_password: newPassword((key, values) => t(key, values ?? {})),
    }),
    values: { current_password: '', new_password: '' },
    send: async (values) => {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      changeSession(promise)
      arrived.current = resolve
      let step: Step
      try {
        await setOwnPassword(values)
        step = await signIn(login, values.new_password)
      } catch (error) {
        resolve(false)
        throw error
      }
      api.form.reset()
      if (step.kind === 'second') setQuestion(step.question)
      else await finish()
    },
  })
  return (
    <>
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
      {question && (
        <Dialog open maxWidth="xs" aria-labelledby="again-title">
          <DialogTitle id="again-title">{t('password.again')}</DialogTitle>
          <DialogContent>
            <SignInSteps
              login={login}
              question={question}
              onDone={() => {
                setQuestion(undefined)
                void finish()
              }}
            />
          </DialogContent>
        </Dialog>
      )}
    </>
  )
}
