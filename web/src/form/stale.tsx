// Says that somebody else was faster. What was typed is still there, and is saved after a look at the new values.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../api/problem'

/** Whether a change was refused because the thing has changed since it was read. */
export function isStale(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 412
}

export function Stale({ onLoad }: { onLoad: () => void }) {
  const { t } = useTranslation()
  return (
    <Alert severity="warning">
      {t('form.stale')}
      <div>
        <Button color="inherit" variant="outlined" size="small" sx={{ mt: 1 }} onClick={onLoad}>
          {t('form.loadAnew')}
        </Button>
      </div>
    </Alert>
  )
}
