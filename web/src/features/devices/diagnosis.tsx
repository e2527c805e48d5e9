// "Why can't it connect?": what the node sees of a device, check by check, and what mends it. Asked for by a button,
// because the server looks anew each time.

import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import ErrorIcon from '@mui/icons-material/ErrorOutlined'
import HelpOutline from '@mui/icons-material/HelpOutlined'
import TroubleshootIcon from '@mui/icons-material/Troubleshoot'
import WarningAmber from '@mui/icons-material/WarningAmber'
import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import type { Schema } from '../../api/types'
import { useFormats } from '../../i18n/use-formats'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { withCode } from '../../ui/with-code'
import { findingOf } from './finding'
import { diagnosisQuery } from './queries'

type Check = Schema<'CheckView'>

const ICONS = {
  ok: <CheckCircle color="success" />,
  warn: <WarningAmber color="warning" />,
  fail: <ErrorIcon color="error" />,
  unknown: <HelpOutline color="disabled" />,
} as const

const WORST_FIRST = ['fail', 'warn', 'unknown', 'ok'] as const

export function Diagnosis({ id }: { id: string }) {
  const { t } = useTranslation('devices')
  const { data, isFetching, isError, error, refetch } = useQuery({ ...diagnosisQuery(id), enabled: false })
  const checks = data?.checks
  const sorted = checks?.toSorted((a, b) => WORST_FIRST.indexOf(a.outcome) - WORST_FIRST.indexOf(b.outcome))
  const clean = checks?.every(({ outcome }) => outcome === 'ok' || outcome === 'unknown')
  return (
    <Section
      title={t('diagnosis.title')}
      actions={
        <Button size="small" variant="outlined" startIcon={<TroubleshootIcon />} loading={isFetching} onClick={() => void refetch()}>
          {checks ? t('diagnosis.again') : t('diagnosis.look')}
        </Button>
      }
    >
      <Box aria-live="polite">
        {isError && <Fault error={error} />}
        {!sorted && !isError && <Typography color="text.secondary">{t('diagnosis.lead')}</Typography>}
        {clean && (
          <Alert severity="success" sx={{ mb: 2 }}>
            {t('diagnosis.clean')}
          </Alert>
        )}
        {sorted && (
          <Stack component="ul" sx={{ listStyle: 'none', m: 0, p: 0, gap: 1.5 }}>
            {sorted.map((check) => (
              <CheckRow key={check.name} check={check} />
            ))}
          </Stack>
        )}
      </Box>
    </Section>
  )
}

function CheckRow({ check }: { check: Check }) {
  const { t } = useTranslation(['devices', 'diagnosis'])
  const { found, fix, isForeign } = findingOf(check, t, useFormats())
  const { said, address } = check.values
  return (
    <Stack component="li" direction="row" sx={{ gap: 1.5 }}>
      {ICONS[check.outcome]}
      <Box sx={{ minWidth: 0, flex: 1 }}>
        <Typography sx={{ fontWeight: 600 }}>
          {t(`diagnosis.check.${check.name}`, { defaultValue: check.name.replaceAll('_', ' ') })}
          <span className="visually-hidden">: {t(`diagnosis.outcome.${check.outcome}`)}</span>
        </Typography>
        <Typography color="text.secondary">
          <Words text={found} isForeign={isForeign} />
        </Typography>
        {address && <Typography color="text.secondary">{t('diagnosis.heardFrom', { address: `\u2066${address}\u2069` })}</Typography>}
        {/* What a server says itself is English. */}
        {said && !isForeign && (
          <Typography variant="body2" color="text.secondary" sx={{ my: 0.5, overflowWrap: 'anywhere' }}>
            <Words text={said} isForeign />
          </Typography>
        )}
        {fix && (
          <Typography>
            <Words text={fix} isForeign={isForeign} />
          </Typography>
        )}
      </Box>
    </Stack>
  )
}

/** A sentence of the server's own is English on a page of any direction. */
function Words({ text, isForeign }: { text: string; isForeign: boolean }) {
  return isForeign ? <bdi lang="en" dir="ltr">{withCode(text)}</bdi> : withCode(text)
}
