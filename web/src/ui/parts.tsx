// The small parts that pages are made of. They know neither routes nor the API.

import Box from '@mui/material/Box'
import Card from '@mui/material/Card'
import CardContent from '@mui/material/CardContent'
import Chip, { type ChipProps } from '@mui/material/Chip'
import CircularProgress from '@mui/material/CircularProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { type ReactNode, useEffect } from 'react'
import { useTranslation } from 'react-i18next'

/** The heading of a page, which is also the window's title. */
export function PageHeader({ title, lead, chip, actions }: { title: string; lead?: ReactNode; chip?: ReactNode; actions?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · CasperVPN`
  }, [title])
  return (
    <Stack direction="row" sx={{ mb: 2, gap: 2, alignItems: 'center', flexWrap: 'wrap' }}>
      <Box sx={{ flexGrow: 1, minWidth: 0 }}>
        <Stack direction="row" sx={{ gap: 1.5, alignItems: 'center', flexWrap: 'wrap' }}>
          <Typography variant="h1" tabIndex={-1} sx={{ overflowWrap: 'anywhere' }}>
            {title}
          </Typography>
          {chip}
        </Stack>
        {lead && <Typography color="text.secondary">{lead}</Typography>}
      </Box>
      {actions && (
        <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
          {actions}
        </Stack>
      )}
    </Stack>
  )
}

/** A part of a page with a heading of its own. */
export function Section({ title, actions, children }: { title?: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <Card component="section" sx={{ mb: 2 }}>
      <CardContent>
        {title && (
          <Stack direction="row" sx={{ mb: 1.5, gap: 1, alignItems: 'center', flexWrap: 'wrap' }}>
            <Typography variant="h2" sx={{ flexGrow: 1 }}>
              {title}
            </Typography>
            {actions}
          </Stack>
        )}
        {children}
      </CardContent>
    </Card>
  )
}

/** Facts of one thing: names and values. What is undefined does not exist and is left out. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <Box
      component="dl"
      sx={{ m: 0, display: 'grid', gridTemplateColumns: { xs: '1fr', sm: 'minmax(9rem, max-content) 1fr' }, columnGap: 3, rowGap: { xs: 0, sm: 1 } }}
    >
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <Box key={name} sx={{ display: 'contents' }}>
            <Typography component="dt" color="text.secondary">
              {name}
            </Typography>
            <Typography component="dd" sx={{ m: 0, mb: { xs: 1, sm: 0 }, overflowWrap: 'anywhere' }}>
              {value}
            </Typography>
          </Box>
        ))}
    </Box>
  )
}

const TONES: Record<string, ChipProps['color']> = {
  active: 'success', online: 'success', ok: 'success', valid: 'success', done: 'success', delivered: 'success',
  on_hold: 'info', pending: 'info', running: 'info', queued: 'info', open: 'info', draining: 'warning', limited: 'warning', warn: 'warning',
  expiring: 'warning', expired: 'error', offline: 'error', fail: 'error', failed: 'error', failing: 'error', refused: 'error', paused: 'warning',
}

/** A state in words and colour; the word is `state.WORD` of the common texts. */
export function StateChip({ state, reason }: { state: string; reason?: string | undefined }) {
  const { t } = useTranslation()
  const word = t(`state.${state}`, { defaultValue: state })
  return <Chip size="small" variant="outlined" color={TONES[state] ?? 'default'} label={reason ? `${word}: ${reason}` : word} />
}

/** Says that there is nothing yet, and what to do about it. */
export function Empty({ title, text, action }: { title: string; text?: string; action?: ReactNode }) {
  return (
    <Box sx={{ py: 6, px: 2, textAlign: 'center' }}>
      <Typography variant="h2" component="p">
        {title}
      </Typography>
      {text && (
        <Typography color="text.secondary" sx={{ mt: 1, mb: 2 }}>
          {text}
        </Typography>
      )}
      {action}
    </Box>
  )
}

export function Waiting() {
  const { t } = useTranslation()
  return (
    <Box sx={{ py: 8, textAlign: 'center' }}>
      <CircularProgress aria-label={t('waiting')} />
    </Box>
  )
}

/** Keys, addresses, commands: letters that can be told apart. */
export function Code({ children }: { children: ReactNode }) {
  return (
    <Box component="code" dir="ltr" sx={{ fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace', fontSize: '0.9em', overflowWrap: 'anywhere' }}>
      {children}
    </Box>
  )
}
