// Short rows of a part of the overview, with lines between them.

import Stack from '@mui/material/Stack'
import type { ReactNode } from 'react'

export function Rows({ children }: { children: ReactNode }) {
  return (
    <Stack component="ul" sx={{ listStyle: 'none', m: 0, p: 0, '& > li + li': { borderTop: 1, borderColor: 'divider' } }}>
      {children}
    </Stack>
  )
}
