// A part of a whole as a bar, with the numbers beside it: a colour alone says nothing to many.

import Box from '@mui/material/Box'
import LinearProgress from '@mui/material/LinearProgress'
import Typography from '@mui/material/Typography'

interface PartBarProps {
  /** Names the bar to a screen reader. */
  label: string
  /** What it says in words. */
  text: string
  part: number
  whole: number
  tone?: 'primary' | 'warning' | 'error'
}

export function PartBar({ label, text, part, whole, tone = 'primary' }: PartBarProps) {
  // A tenth of a percent is finer than the eye; smaller numbers would be written with an exponent, which ARIA does not know.
  const share = whole > 0 ? Math.min(100, Math.round((part / whole) * 1000) / 10) : 0
  return (
    <Box sx={{ width: '100%', maxWidth: '22rem' }}>
      <Typography variant="body2" component="div">
        {text}
      </Typography>
      <LinearProgress variant="determinate" value={share} color={tone} aria-label={label} sx={{ height: 6, borderRadius: 3 }} />
    </Box>
  )
}
