// A link that works once and is shown once.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../i18n/use-formats'
import { CopyText } from './copy'

export function OneTimeLink({ title, url, expiresAt, onClose }: { title: string; url: string; expiresAt: string; onClose: () => void }) {
  const { t } = useTranslation()
  const format = useFormats()
  return (
    <Dialog open onClose={onClose} aria-labelledby="link-title">
      <DialogTitle id="link-title">{title}</DialogTitle>
      <DialogContent>
        <Alert severity="info" sx={{ mb: 2 }}>
          {t('oneTime.text', { until: format.dateTime(expiresAt) })}
        </Alert>
        <CopyText text={url} />
      </DialogContent>
      <DialogActions>
        <Button variant="contained" onClick={onClose}>
          {t('act.close')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
