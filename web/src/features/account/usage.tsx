// What one's own devices have moved: against the limit, and by day.

import Box from '@mui/material/Box'
import LinearProgress from '@mui/material/LinearProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { Fault } from '../../ui/fault'
import { Facts, Section, Waiting } from '../../ui/parts'
import { usageQuery } from './queries'
import { bars, lastDays } from './usage-days'

const DAYS = 30

export function UsagePart() {
  const { t } = useTranslation(['account', 'common'])
  const format = useFormats()
  const { data: usage, error, refetch } = useQuery(usageQuery)
  if (error) return <Section title={t('usage.title')}><Fault error={error} onRetry={() => void refetch()} /></Section>
  if (!usage) return <Section title={t('usage.title')}><Waiting /></Section>
  const limit = usage.data_limit_bytes ?? undefined
  return (
    <Section title={t('usage.title')}>
      <Facts
        facts={[
          [t('usage.used'), limit ? t('usage.of', { used: format.bytes(usage.used_bytes), limit: format.bytes(limit) }) : format.bytes(usage.used_bytes)],
          [t('usage.devices'), usage.device_limit ? t('usage.of', { used: format.number(usage.devices), limit: format.number(usage.device_limit) }) : format.number(usage.devices)],
        ]}
      />
      {limit !== undefined && (
        <LinearProgress variant="determinate" value={Math.min(100, (100 * usage.used_bytes) / limit)} aria-label={t('usage.used')} sx={{ mt: 1.5, height: 8, borderRadius: 4 }} />
      )}
      {usage.days.length > 0 && <Days days={usage.days} />}
    </Section>
  )
}

function Days({ days }: { days: { date: string; rx_bytes: number; tx_bytes: number }[] }) {
  const { t } = useTranslation('account')
  const format = useFormats()
  const [today] = useState(() => new Date())
  const shown = lastDays(days, DAYS, today)
  const [height, width] = [48, 10]
  return (
    <Stack sx={{ mt: 2, gap: 1 }}>
      <Typography variant="body2" color="text.secondary">
        {t('usage.days', { count: DAYS })}
      </Typography>
      <Box
        component="svg"
        viewBox={`0 0 ${DAYS * width} ${height}`}
        preserveAspectRatio="none"
        aria-hidden
        sx={{ width: '100%', maxWidth: 640, height: 72, color: 'primary.main', transform: (theme) => (theme.direction === 'rtl' ? 'scaleX(-1)' : 'none') }}
      >
        {bars(shown, height).map((bar, place) => (
          <rect key={shown[place]?.date} x={place * width + 1} y={height - bar} width={width - 2} height={bar} fill="currentColor" />
        ))}
      </Box>
      <Box component="details" sx={{ '& summary': { cursor: 'pointer' } }}>
        <summary>{t('usage.table')}</summary>
        <Box component="table" sx={{ mt: 1, borderCollapse: 'collapse', '& th, & td': { px: 1.5, py: 0.5, textAlign: 'end' }, '& tr > :first-of-type': { textAlign: 'start', paddingInlineStart: 0 } }}>
          <thead>
            <tr>
              <th scope="col">{t('usage.day')}</th>
              <th scope="col">{t('usage.sent')}</th>
              <th scope="col">{t('usage.received')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.filter(({ bytes }) => bytes > 0).toReversed().map((day) => (
              <tr key={day.date}>
                <th scope="row">{format.date(`${day.date}T00:00`)}</th>
                <td>{format.bytes(day.rx_bytes)}</td>
                <td>{format.bytes(day.tx_bytes)}</td>
              </tr>
            ))}
          </tbody>
        </Box>
      </Box>
    </Stack>
  )
}
