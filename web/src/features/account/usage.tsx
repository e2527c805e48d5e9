// What one's own devices have moved: against the limits, and by day.

import Stack from '@mui/material/Stack'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import type { Schema } from '../../api/types'
import { useFormats } from '../../i18n/use-formats'
import { Fault } from '../../ui/fault'
import { Facts, Section, Waiting } from '../../ui/parts'
import { PartBar } from '../../ui/part-bar'
import { UsageChart } from '../../ui/usage-chart'
import { useNow } from '../../ui/use-now'
import { filled, lastDays } from '../devices/usage-days'
import { usageQuery } from './queries'

/** As many as the API tells. */
const DAYS = 30

export function UsagePart() {
  const { t } = useTranslation('account')
  const { data, error, refetch } = useQuery(usageQuery)
  return (
    <Section title={t('usage.title')}>
      {error ? <Fault error={error} onRetry={() => void refetch()} /> : data ? <Usage usage={data} /> : <Waiting />}
    </Section>
  )
}

function Usage({ usage }: { usage: Schema<'OwnUsageView'> }) {
  const { t } = useTranslation('account')
  const format = useFormats()
  const { from, to } = lastDays(DAYS, useNow())
  const part = (used: number, limit: number | null | undefined, words: (value: number) => string, label: string) =>
    limit ? <PartBar label={label} text={t('usage.of', { used: words(used), limit: words(limit) })} part={used} whole={limit} /> : words(used)
  return (
    <Stack sx={{ gap: 2 }}>
      <Facts
        facts={[
          [t('usage.used'), part(usage.used_bytes, usage.data_limit_bytes, format.bytes, t('usage.used'))],
          [t('usage.devices'), part(usage.devices, usage.device_limit, format.number, t('usage.devices'))],
        ]}
      />
      <UsageChart days={filled(usage.days, from, to)} label={t('usage.days', { count: DAYS })} />
    </Stack>
  )
}
