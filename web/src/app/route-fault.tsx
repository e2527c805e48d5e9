// What is shown when a page itself fails: mostly because a new version took away the file that an open page wanted.

import Button from '@mui/material/Button'
import Container from '@mui/material/Container'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useId } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate, useRouteError } from 'react-router'

import { Fault } from '../ui/fault'
import { Empty } from '../ui/parts'
import { forgetFailed } from './forget-failed'

/** The fault of the page that failed, which may be tried again from then on. */
function useFault(): unknown {
  const client = useQueryClient()
  const error = useRouteError()
  useEffect(() => forgetFailed(client), [client])
  return error
}

export function RouteFault() {
  const { t } = useTranslation()
  const error = useFault()
  return (
    <Container maxWidth="sm" component="main">
      <Empty
        title={t('fault.page')}
        text={t('fault.pageText')}
        action={
          <Button variant="contained" onClick={() => location.reload()}>
            {t('act.reload')}
          </Button>
        }
      />
      <Fault error={error} />
    </Container>
  )
}

/** Instead of a form over a page: the page beneath stays. */
export function FormRouteFault() {
  const { t } = useTranslation()
  const error = useFault()
  const navigate = useNavigate()
  const heading = useId()
  const close = () => void navigate('..')
  return (
    <Dialog open onClose={close} maxWidth="xs" aria-labelledby={heading}>
      <DialogTitle id={heading}>{t('fault.page')}</DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2 }}>
          <Typography>{t('fault.pageText')}</Typography>
          <Fault error={error} />
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button color="inherit" onClick={close}>
          {t('act.close')}
        </Button>
        <Button variant="contained" onClick={() => location.reload()}>
          {t('act.reload')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
