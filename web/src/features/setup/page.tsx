// The page behind the one-time setup link.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'

import { paths } from '../../app/paths'
import { loadPanelTexts } from '../../i18n'
import { tokenFromFragment } from '../../lib/fragment'
import { Door } from '../../session/door'
import { setupQuery } from '../../session/session'
import { Code, Waiting } from '../../ui/parts'
import type { Made } from './made'
import { Wizard } from './wizard'

/** What is drawn and told at the end is fetched while the steps are gone through. */
const Ready = lazy(async () => {
  const [{ Ready: Loaded }] = await Promise.all([import('./ready'), loadPanelTexts()])
  return { default: Loaded }
})

export function Component() {
  const { t } = useTranslation('setup')
  const token = tokenFromFragment(useLocation().hash)
  const setup = useQuery(setupQuery)
  const [made, setMade] = useState<Made>()
  if (made) {
    return (
      <Suspense fallback={<Waiting />}>
        <Ready made={made} />
      </Suspense>
    )
  }
  if (setup.data?.needed === false) return <AlreadySetUp />
  return (
    <Door title={t('title')} wide>
      {token ? <Wizard key={token} token={token} onMade={setMade} /> : <NoToken />}
    </Door>
  )
}

function NoToken() {
  const { t } = useTranslation('setup')
  return (
    <Alert severity="warning">
      <Typography sx={{ mb: 1 }}>{t('noToken')}</Typography>
      <Code>caspervpn setup-link</Code>
    </Alert>
  )
}

function AlreadySetUp() {
  const { t } = useTranslation('setup')
  return (
    <Door title={t('already.title')}>
      <Stack sx={{ gap: 2 }}>
        <Typography>{t('already.text')}</Typography>
        <Button component={Link} to={paths.signIn()} variant="contained">
          {t('signIn')}
        </Button>
      </Stack>
    </Door>
  )
}
