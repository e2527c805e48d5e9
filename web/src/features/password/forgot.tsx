// Asks for a letter with a link for a new password. The answer is the same whether there is such an account or not.

import Button from '@mui/material/Button'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'
import { z } from 'zod'

import { paths } from '../../app/paths'
import { TextInput } from '../../form/fields'
import { useApiForm } from '../../form/use-api-form'
import { Door } from '../../session/door'
import { DoorForm } from '../links/door-form'
import { askForReset } from '../links/queries'

export function Component() {
  const { t } = useTranslation(['links', 'common'])
  const [asked, setAsked] = useState(false)
  const api = useApiForm({
    schema: z.object({ login: z.string().trim().min(1, t('common:form.needed')) }),
    values: { login: '' },
    send: async ({ login }) => {
      await askForReset(login.trim())
      setAsked(true)
    },
  })
  return (
    <Door key={String(asked)} title={asked ? t('forgot.doneTitle') : t('forgot.title')} focus={asked}>
      {asked ? (
        <Stack sx={{ gap: 2 }}>
          <Typography>{t('forgot.done')}</Typography>
          <Typography color="text.secondary">{t('forgot.noLetter')}</Typography>
          <Button component={RouterLink} to={paths.signIn()} variant="contained">
            {t('toSignIn')}
          </Button>
        </Stack>
      ) : (
        <Stack sx={{ gap: 2 }}>
          <DoorForm api={api} lead={t('forgot.lead')} act={t('forgot.act')}>
            <TextInput name="login" label={t('forgot.login')} autoComplete="username" autoFocus ltr />
          </DoorForm>
          <Link component={RouterLink} to={paths.signIn()} sx={{ textAlign: 'center' }}>
            {t('toSignIn')}
          </Link>
        </Stack>
      )}
    </Door>
  )
}
