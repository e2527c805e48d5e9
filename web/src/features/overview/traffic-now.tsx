// What passes through all nodes now, as a line of the last minutes. It is drawn here: it moves every two seconds, and a
// library for charts would be the heaviest part of the page.

import Box from '@mui/material/Box'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'

import { onTraffic, REMEMBERED_MS, type TrafficPoint, trafficLately } from '../../app/live-store'
import { useFormats } from '../../i18n/use-formats'
import { Section } from '../../ui/parts'

const [WIDTH, HEIGHT] = [600, 160]

/** A shorter time would be drawn as if a second were a day. */
const SHORTEST_MS = 30_000

/** How much time the line shows: as much as is known, up to what is remembered. */
export function spanMs(points: readonly TrafficPoint[]): number {
  const known = (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0)
  return Math.min(REMEMBERED_MS, Math.max(SHORTEST_MS, known))
}

/** A line through the points, the newest at the right edge, `top` at the upper one. */
export function linePath(points: readonly TrafficPoint[], of: (point: TrafficPoint) => number, top: number): string {
  const [end, span] = [points.at(-1)?.atMs ?? 0, spanMs(points)]
  return points
    .map((point, place) => {
      const x = WIDTH - ((end - point.atMs) / span) * WIDTH
      const y = HEIGHT - (of(point) / top) * HEIGHT
      return `${place === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    })
    .join('')
}

export function TrafficNow() {
  const { t } = useTranslation('overview')
  const format = useFormats()
  const points = useSyncExternalStore(onTraffic, trafficLately)
  const last = points.at(-1)
  const top = Math.max(1, ...points.flatMap(({ rx, tx }) => [rx, tx])) * 1.1
  return (
    <Section title={t('trafficNow')}>
      <Stack direction="row" sx={{ gap: 3, mb: 1, flexWrap: 'wrap' }}>
        <Key colour="primary.main" name={t('down')} value={format.rate(last?.tx ?? 0)} />
        <Key colour="secondary.main" name={t('up')} value={format.rate(last?.rx ?? 0)} dashed />
      </Stack>
      <Box component="svg" aria-hidden="true" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" sx={{ display: 'block', width: '100%', height: 180, borderBottom: 1, borderColor: 'divider' }}>
        <Box component="path" d={linePath(points, ({ tx }) => tx, top)} sx={{ ...LINE, color: 'primary.main' }} />
        <Box component="path" d={linePath(points, ({ rx }) => rx, top)} sx={{ ...LINE, color: 'secondary.main', strokeDasharray: '6 4' }} />
      </Box>
      <Stack direction="row" dir="ltr" aria-hidden="true" sx={{ justifyContent: 'space-between' }}>
        <Typography variant="caption" color="text.secondary" dir="auto">
          {format.ago(0, spanMs(points))}
        </Typography>
        <Typography variant="caption" color="text.secondary" dir="auto">
          {format.ago(0, 0)}
        </Typography>
      </Stack>
    </Section>
  )
}

const LINE = { fill: 'none', stroke: 'currentColor', strokeWidth: 2, strokeLinejoin: 'round', vectorEffect: 'non-scaling-stroke' } as const

function Key({ colour, name, value, dashed = false }: { colour: string; name: string; value: string; dashed?: boolean }) {
  return (
    <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
      <Box sx={{ width: 20, borderTop: 3, borderTopStyle: dashed ? 'dashed' : 'solid', borderColor: colour }} />
      <Typography variant="body2">
        {name} <strong>{value}</strong>
      </Typography>
    </Stack>
  )
}
