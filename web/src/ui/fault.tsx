// What went wrong, with what a person needs to act: the server's sentence, the id to look for in its log, another try.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../api/problem'

export function Fault({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation()
  return (
    <Alert
      severity="error"
      action={
        onRetry && (
          <Button color="inherit" size="small" onClick={onRetry}>
            {t('act.retry')}
          </Button>
        )
      }
    >
      {faultText(error, t('fault.noAnswer'))}
      {error instanceof ApiProblem && error.requestId && (
        <Typography variant="caption" component="div">
          {t('fault.request', { id: error.requestId })}
        </Typography>
      )}
    </Alert>
  )
}

/** A sentence for any failure. A request that never got an answer has no words of the server's. */
export function faultText(error: unknown, noAnswer: string): string {
  if (error instanceof ApiProblem) return sentence(error.message)
  return error instanceof TypeError ? noAnswer : error instanceof Error ? error.message : noAnswer
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(start) ? start : `${start}.`
}
