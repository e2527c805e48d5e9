// The frame of a page behind a one-time link. Only its button spends the link, so a preview in a chat or a mail scanner
// does not.

import Alert from '@mui/material/Alert'
import AlertTitle from '@mui/material/AlertTitle'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'

import { ApiProblem } from '../../api/problem'
import { paths } from '../../app/paths'
import { tokenFromFragment } from '../../lib/fragment'
import { Door } from '../../session/door'
import { faultText } from '../../ui/fault'

/** Draws the page for the link's token. Another link in the same tab begins anew. */
export function OneTimePage({ title, children }: { title: string; children: (token: string) => ReactNode }) {
  const { t } = useTranslation('links')
  const token = tokenFromFragment(useLocation().hash)
  if (token) return children(token)
  return (
    <Door title={title}>
      <Alert severity="warning">
        <AlertTitle>{t('incomplete.title')}</AlertTitle>
        {t('incomplete.text')}
      </Alert>
    </Door>
  )
}

/** Whether a refusal says that the link is no good any more. A login that is taken is a conflict too, and spends nothing. */
export function isSpent(fault: unknown): boolean {
  return fault instanceof ApiProblem && fault.code === 'link_spent'
}

export function Spent({ title, fault, hint }: { title: string; fault: unknown; hint: string }) {
  const { t } = useTranslation('links')
  return (
    <Door title={title} focus>
      <Alert severity="error">
        <AlertTitle>{t('spent')}</AlertTitle>
        <Typography sx={{ mb: 1 }}>{faultText(fault, '')}</Typography>
        <Typography>{hint}</Typography>
      </Alert>
    </Door>
  )
}

export function Finished({ title, text }: { title: string; text: string }) {
  const { t } = useTranslation('links')
  return (
    <Door title={title} focus>
      <Stack sx={{ gap: 2 }}>
        <Typography>{text}</Typography>
        <Button component={Link} to={paths.signIn()} replace variant="contained" size="large">
          {t('signIn')}
        </Button>
      </Stack>
    </Door>
  )
}
