// Checks that nobody has changed what the audit says, and tells the result in words.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useMutation } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { CopyText } from '../../ui/copy'
import { Fault } from '../../ui/fault'
import { type Verification, verifyPart } from './queries'
import { verifyAll } from './verify'

export function VerifyDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['audit', 'common'])
  const format = useFormats()
  const heading = useId()
  const [expect, setExpect] = useState('')
  const [checked, setChecked] = useState(0)
  const check = useMutation({ mutationFn: () => verifyAll((after) => verifyPart(after, expect.trim()), setChecked) })
  return (
    <Dialog open onClose={onClose} aria-labelledby={heading}>
      <DialogTitle id={heading}>{t('verify.title')}</DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2, pt: 1 }}>
          <Typography>{t('verify.text')}</Typography>
          <TextField label={t('verify.expect')} helperText={t('verify.expectHint')} value={expect} onChange={(event) => setExpect(event.target.value)} slotProps={{ htmlInput: { dir: 'ltr', spellCheck: false, maxLength: 64 } }} />
          <div aria-live="polite">
            {check.isPending && t('verify.busy', { events: format.number(checked) })}
            {check.isError && <Fault error={check.error} />}
            {check.isSuccess && <Result found={check.data} />}
          </div>
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button color="inherit" onClick={onClose}>
          {t('common:act.close')}
        </Button>
        <Button variant="contained" loading={check.isPending} onClick={() => check.mutate()}>
          {t('verify.act')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}

function Result({ found }: { found: Verification }) {
  const { t } = useTranslation('audit')
  const format = useFormats()
  if (!found.intact || found.fault) {
    return (
      <Alert severity="error" sx={{ overflowWrap: 'anywhere' }}>
        <div>{t(`verify.fault.${found.fault?.kind ?? 'other'}`, { defaultValue: t('verify.fault.other') })}</div>
        {found.fault && <div>{found.fault.detail}</div>}
      </Alert>
    )
  }
  return (
    <Stack sx={{ gap: 1.5 }}>
      <Alert severity="success">
        <div>{t('verify.intact', { events: format.number(found.events), segments: format.number(found.segments) })}</div>
        {found.pruned_segments > 0 && <div>{t('verify.pruned', { segments: format.number(found.pruned_segments) })}</div>}
        {found.unsealed_events > 0 && <div>{t('verify.unsealed', { events: format.number(found.unsealed_events) })}</div>}
      </Alert>
      {found.digest && (
        <div>
          <Typography variant="body2" color="text.secondary">
            {t('verify.digest')}
          </Typography>
          <CopyText text={found.digest} />
        </div>
      )}
    </Stack>
  )
}
