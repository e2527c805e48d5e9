// The end of the setup: the first device's configuration, shown once, and the way to a certificate that browsers know.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Divider from '@mui/material/Divider'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { useLeaveGuard } from '../../app/use-leave-guard'
import { Door } from '../../session/door'
import { ConfigView } from '../../ui/config-view'
import { useConfirm } from '../../ui/confirm'
import { CertificatePart } from './certificate'
import type { Made } from './made'

export function Ready({ made }: { made: Made }) {
  const { t } = useTranslation('setup')
  const confirm = useConfirm()
  const navigate = useNavigate()
  const [taken, setTaken] = useState(false)
  const [signedIn, setSignedIn] = useState(false)

  // The only copy of the key goes with this page.
  useLeaveGuard(!taken, () => confirm({ title: t('leave.title'), text: t('leave.text'), act: t('leave.act') }))
  return (
    <Door title={t('ready.title')} wide focus>
      <Stack sx={{ gap: 3 }}>
        <Alert severity="success">{t('ready.device', { name: made.device })}</Alert>
        <Typography variant="h2">{t('part.device')}</Typography>
        <ConfigView conf={made.conf} fileName={made.fileName} onTaken={() => setTaken(true)} />
        <Divider />
        <CertificatePart made={made} onSignedIn={() => setSignedIn(true)} />
        <Divider />
        <Typography>{t('ready.owner', { login: made.login })}</Typography>
        <Button variant="contained" size="large" onClick={() => void navigate(signedIn ? paths.home() : paths.signIn())}>
          {signedIn ? t('toPanel') : t('signIn')}
        </Button>
      </Stack>
    </Door>
  )
}
