// The frame of pages for who is not signed in: one card in the middle, and the choice of language and colours.

import Box from '@mui/material/Box'
import Card from '@mui/material/Card'
import CardContent from '@mui/material/CardContent'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { type ReactNode, useEffect, useRef } from 'react'

import { LookMenus } from '../app/look-menus'
import icon from '../icon.svg'

/** `focus` goes to the heading: for what stands there after an act, so that a screen reader reads it. */
export function Door({ title, wide, focus, children }: { title: string; wide?: boolean; focus?: boolean; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · CasperVPN`
  }, [title])
  useEffect(() => {
    if (focus) heading.current?.focus()
  }, [focus])
  return (
    <Stack sx={{ minHeight: '100dvh', alignItems: 'center', p: { xs: 1, sm: 3 } }}>
      <Stack direction="row" component="header" sx={{ alignSelf: 'flex-end' }}>
        <LookMenus />
      </Stack>
      <Card component="main" sx={{ width: '100%', maxWidth: wide ? 760 : 420, my: 'auto' }}>
        <CardContent sx={{ p: { xs: 2.5, sm: 4 } }}>
          <Stack direction="row" sx={{ gap: 1.5, alignItems: 'center', mb: 3 }}>
            <img src={icon} alt="" width={36} height={36} />
            <Typography component="span" sx={{ fontWeight: 700, fontSize: '1.125rem' }}>
              CasperVPN
            </Typography>
          </Stack>
          <Typography variant="h1" ref={heading} tabIndex={-1} sx={{ mb: 2, outline: 'none' }}>
            {title}
          </Typography>
          {children}
        </CardContent>
      </Card>
      <Box sx={{ height: 24 }} />
    </Stack>
  )
}
