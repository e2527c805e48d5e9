// What is shown once, a link or a secret: a click beside it does not lose it, and whoever leaves without having copied
// it is asked.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import { type ReactNode, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../i18n/use-formats'
import { useConfirm } from '../ui/confirm'
import { CopyText } from '../ui/copy'
import { useLeaveGuard } from './use-leave-guard'

interface OneTimeProps {
  title: string
  onClose: () => void
  /** Closing goes to another address, where the question is asked on the way. */
  closesByAddress?: boolean
}

export function OneTimeSecret({ text, secret, ...rest }: OneTimeProps & { text: ReactNode; secret: string }) {
  return <OneTime {...rest}>{(onTaken) => <OneTimeText severity="warning" text={text} secret={secret} onTaken={onTaken} />}</OneTime>
}

export function OneTimeLink({ url, expiresAt, ...rest }: OneTimeProps & { url: string; expiresAt: string }) {
  return <OneTime {...rest}>{(onTaken) => <OneTimeUrl url={url} expiresAt={expiresAt} onTaken={onTaken} />}</OneTime>
}

/** A link that works once, for a dialog that has more to say. */
export function OneTimeUrl({ url, expiresAt, onTaken }: { url: string; expiresAt: string; onTaken: () => void }) {
  const { t } = useTranslation()
  const format = useFormats()
  return <OneTimeText severity="info" text={t('oneTime.text', { until: format.dateTime(expiresAt) })} secret={url} onTaken={onTaken} />
}

function OneTimeText({ severity, text, secret, onTaken }: { severity: 'info' | 'warning'; text: ReactNode; secret: string; onTaken: () => void }) {
  return (
    <Stack sx={{ gap: 2, alignItems: 'flex-start' }}>
      <Alert severity={severity}>{text}</Alert>
      <CopyText text={secret} onCopied={onTaken} />
    </Stack>
  )
}

function OneTime({ title, onClose, closesByAddress = false, children }: OneTimeProps & { children: (onTaken: () => void) => ReactNode }) {
  const { t } = useTranslation()
  const confirm = useConfirm()
  const heading = useId()
  const [taken, setTaken] = useState(false)
  const sure = () => confirm({ title: t('oneTime.leaveTitle'), text: t('oneTime.leaveText'), act: t('act.close') })
  useLeaveGuard(!taken, sure)
  async function close(): Promise<void> {
    if (closesByAddress || taken || (await sure())) onClose()
  }
  return (
    <Dialog open onClose={(_, reason) => reason === 'escapeKeyDown' && void close()} aria-labelledby={heading}>
      <DialogTitle id={heading}>{title}</DialogTitle>
      <DialogContent>{children(() => setTaken(true))}</DialogContent>
      <DialogActions>
        <Button variant="contained" onClick={() => void close()}>
          {t('act.close')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
