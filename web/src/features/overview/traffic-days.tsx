// Traffic by day. The chart is fetched after the page is there.

import ToggleButton from '@mui/material/ToggleButton'
import ToggleButtonGroup from '@mui/material/ToggleButtonGroup'
import Skeleton from '@mui/material/Skeleton'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { UsageChart } from '../../ui/usage-chart'
import { CHART_PX } from '../../ui/usage-words'
import { type Range, RANGES, usageQuery } from './queries'

/** The line tells no days, and an overview may hang on a wall for weeks. */
const READ_ANEW_MS = 60_000

export function TrafficDays() {
  const { t } = useTranslation('overview')
  const [range, setRange] = useState<Range>(30)
  const { data, error, refetch } = useQuery({ ...usageQuery(range), placeholderData: keepPreviousData, refetchInterval: READ_ANEW_MS })
  return (
    <Section
      title={t('trafficDays')}
      actions={
        <ToggleButtonGroup
          size="small"
          exclusive
          value={range}
          aria-label={t('range')}
          onChange={(_, next: Range | null) => {
            if (next !== null) setRange(next)
          }}
        >
          {RANGES.map((days) => (
            <ToggleButton key={days} value={days} sx={{ textTransform: 'none', py: 0.25 }}>
              {t('days', { count: days })}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
      }
    >
      {error && <Fault error={error} onRetry={() => void refetch()} />}
      {data ? <UsageChart days={data} label={t('trafficDays')} /> : <Skeleton variant="rounded" height={CHART_PX} />}
    </Section>
  )
}
