// Traffic by day: bars for the eye, a table for a screen reader. The drawing is fetched when it is first shown.

import Box from '@mui/material/Box'
import Skeleton from '@mui/material/Skeleton'
import Typography from '@mui/material/Typography'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../i18n/use-formats'
import { CHART_PX, dayWords, type DayTraffic } from './usage-words'

const Bars = lazy(async () => ({ default: (await import('./usage-bars')).UsageBars }))

export function UsageChart({ days, label }: { days: readonly DayTraffic[]; label: string }) {
  const { t, i18n } = useTranslation('usage')
  const format = useFormats()
  if (days.every((day) => day.rx_bytes + day.tx_bytes === 0)) {
    return <Typography color="text.secondary">{t('none')}</Typography>
  }
  const words = dayWords(i18n.language)
  return (
    <Box sx={{ position: 'relative' }}>
      <Box aria-hidden="true" sx={{ minHeight: CHART_PX }}>
        <Suspense fallback={<Skeleton variant="rounded" height={CHART_PX} />}>
          <Bars days={days} down={t('down')} up={t('up')} />
        </Suspense>
      </Box>
      {/* A table itself would not shrink to nothing, and would make the page longer. */}
      <div className="visually-hidden">
        <table>
          <caption>{label}</caption>
          <thead>
            <tr>
              <th scope="col">{t('day')}</th>
              <th scope="col">{t('down')}</th>
              <th scope="col">{t('up')}</th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => (
              <tr key={day.date}>
                <th scope="row">{words.format(Date.parse(day.date))}</th>
                <td>{format.bytes(day.tx_bytes)}</td>
                <td>{format.bytes(day.rx_bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Box>
  )
}
