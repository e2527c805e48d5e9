// Traffic by day of a device, or of all of somebody's: a range of days, their sum, and a chart.

import Stack from '@mui/material/Stack'
import ToggleButton from '@mui/material/ToggleButton'
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup'
import Typography from '@mui/material/Typography'
import { keepPreviousData, type UseQueryOptions, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { Fault } from '../../ui/fault'
import { Section, Waiting } from '../../ui/parts'
import { UsageChart } from '../../ui/usage-chart'
import { useNow } from '../../ui/use-now'
import { bars, filled, lastDays, sum, type UsageDay } from './usage-days'

const RANGES = [7, 30, 90, 365] as const

/** A query of the days on which something moved. */
export type UsageQuery = (from: string, to: string) => UseQueryOptions<UsageDay[], Error, UsageDay[], string[]>

export function UsageSection({ query }: { query: UsageQuery }) {
  const { t } = useTranslation('usage')
  const format = useFormats()
  const [range, setRange] = useState<number>(30)
  const { from, to } = lastDays(range, useNow())
  const usage = useQuery({ ...query(from, to), placeholderData: keepPreviousData })
  const days = filled(usage.data ?? [], from, to)
  const total = sum(days)
  return (
    <Section
      title={t('title')}
      actions={
        <ToggleButtonGroup exclusive size="small" value={range} onChange={(_, next: number | null) => next && setRange(next)} aria-label={t('range')}>
          {RANGES.map((each) => (
            <ToggleButton key={each} value={each} sx={{ py: 0.25, textTransform: 'none' }}>
              {t('days', { count: each })}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
      }
    >
      {usage.isError && <Fault error={usage.error} onRetry={() => void usage.refetch()} />}
      {usage.isPending && <Waiting />}
      {usage.data && (
        <Stack sx={{ gap: 1.5 }}>
          <Typography>
            {t('sum', { all: format.bytes(total.rx_bytes + total.tx_bytes), down: format.bytes(total.tx_bytes), up: format.bytes(total.rx_bytes) })}
          </Typography>
          <UsageChart days={bars(days)} label={t('chart', { count: range })} />
        </Stack>
      )}
    </Section>
  )
}
