// Where a window ends that was opened to sign in again: the page that it was opened for goes on.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, Navigate } from 'react-router'

import { paths } from '../app/paths'
import { Waiting } from '../ui/parts'
import { Door } from './door'
import { meQuery } from './session'

export function SignedIn() {
  const { t } = useTranslation('session')
  const me = useQuery(meQuery)
  useEffect(() => {
    // A browser may refuse, as where a provider's pages were shown in between; so it is said as well.
    if (me.data) window.close()
  }, [me.data])
  if (me.isPending) return <Waiting />
  if (me.isError) return <Navigate replace to={paths.signIn(paths.signedIn())} />
  return (
    <Door title={t('elsewhere.title')} focus>
      <Stack sx={{ gap: 2 }}>
        <Typography>{t('elsewhere.text')}</Typography>
        <Button component={Link} to={paths.home()} variant="contained" size="large">
          {t('elsewhere.home')}
        </Button>
      </Stack>
    </Door>
  )
}
