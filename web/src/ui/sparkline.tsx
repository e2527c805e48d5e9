// A small line of how something went: only its shape, so it says nothing to a screen reader.

import Box from '@mui/material/Box'

const [WIDTH, HEIGHT] = [100, 24]

/** Points from left to right, the greatest value at the top. */
export function sparkPath(values: readonly number[]): string {
  const top = Math.max(1, ...values)
  const step = WIDTH / Math.max(1, values.length - 1)
  return values.map((value, place) => `${place === 0 ? 'M' : 'L'}${(place * step).toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`).join('')
}

export function Sparkline({ values }: { values: readonly number[] }) {
  return (
    <Box component="svg" aria-hidden="true" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" sx={{ display: 'block', width: '100%', height: HEIGHT, color: 'primary.main' }}>
      <path d={sparkPath(values)} fill="none" stroke="currentColor" strokeWidth={1.5} vectorEffect="non-scaling-stroke" />
    </Box>
  )
}
