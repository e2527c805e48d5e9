// A secret that is shown once: whoever closes this without having copied it must make another.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import { type ReactNode, useId } from 'react'
import { useTranslation } from 'react-i18next'

import { CopyText } from './copy'

export function OneTimeSecret({ title, text, secret, onClose }: { title: string; text: ReactNode; secret: string; onClose: () => void }) {
  const { t } = useTranslation()
  const heading = useId()
  return (
    // A click beside it must not lose the secret.
    <Dialog open onClose={(_, reason) => reason === 'escapeKeyDown' && onClose()} aria-labelledby={heading}>
      <DialogTitle id={heading}>{title}</DialogTitle>
      <DialogContent>
        <Alert severity="warning" sx={{ mb: 2 }}>
          {text}
        </Alert>
        <CopyText text={secret} />
      </DialogContent>
      <DialogActions>
        <Button variant="contained" onClick={onClose}>
          {t('act.close')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
