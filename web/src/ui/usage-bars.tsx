// The drawing of traffic by day: a heavy part, so a file of its own that pages fetch late.

import { useTheme } from '@mui/material/styles'
import { BarChart } from '@mui/x-charts/BarChart'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../i18n/use-formats'
import { CHART_PX, dayWords, type DayTraffic } from './usage-words'

/** The legend stands above what is drawn. */
const LEGEND_PX = 32

export function UsageBars({ days, down, up }: { days: readonly DayTraffic[]; down: string; up: string }) {
  const { i18n } = useTranslation()
  const format = useFormats()
  // Through the variables, which follow the colour scheme.
  const theme = useTheme()
  const { palette } = theme.vars ?? theme
  const words = dayWords(i18n.language)
  const bytes = (value: number | null) => format.bytes(value ?? 0)
  return (
    <BarChart
      height={CHART_PX - LEGEND_PX}
      skipAnimation
      // It is hidden from screen readers, which have the table, so nothing in it may be reached by keys.
      disableKeyboardNavigation
      xAxis={[{ scaleType: 'band', data: days.map(({ date }) => date), valueFormatter: (date: string) => words.format(Date.parse(date)), categoryGapRatio: 0.2 }]}
      yAxis={[{ width: 64, valueFormatter: bytes }]}
      series={[
        { label: down, stack: 'all', data: days.map((day) => day.tx_bytes), valueFormatter: bytes, color: palette.primary.main },
        { label: up, stack: 'all', data: days.map((day) => day.rx_bytes), valueFormatter: bytes, color: palette.secondary.main },
      ]}
      grid={{ horizontal: true }}
      margin={{ left: 0, right: 8, top: 8, bottom: 0 }}
    />
  )
}
