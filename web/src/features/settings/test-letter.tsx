// Sends a letter now and shows what the mail server said.

import Alert from '@mui/material/Alert'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { textOf } from '../../form/values'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { sendTestLetter } from './queries'

export function TestLetter({ isSetUp }: { isSetUp: boolean }) {
  const { t } = useTranslation(['settings', 'common'])
  const forbidden = useForbidden()
  const [to, setTo] = useState('')
  const test = useMutation({ mutationFn: () => sendTestLetter({ to: textOf(to) }) })
  const whyNot = forbidden('settings_mail_test') ?? (isSetUp ? (test.isPending ? t('mail.testBusy') : undefined) : t('mail.testOff'))
  return (
    <Stack sx={{ mt: 3, gap: 1.5, maxWidth: '40rem' }}>
      <Typography variant="h3">{t('mail.test')}</Typography>
      <Stack direction="row" sx={{ gap: 1, alignItems: 'flex-start', flexWrap: 'wrap' }}>
        <TextField
          sx={{ flex: '1 1 14rem' }}
          label={t('mail.testTo')}
          helperText={t('mail.testToHint')}
          value={to}
          onChange={(event) => setTo(event.target.value)}
          slotProps={{ htmlInput: { inputMode: 'email', dir: 'ltr', autoCapitalize: 'none', spellCheck: false } }}
        />
        <Action variant="outlined" label={t('mail.testSend')} disabledReason={whyNot} onRun={() => test.mutate()} />
      </Stack>
      <div aria-live="polite">
        {test.isSuccess && <Alert severity="success">{t('mail.testDone', { answer: test.data.answer })}</Alert>}
        {test.isError && <Fault error={test.error} />}
      </div>
    </Stack>
  )
}
