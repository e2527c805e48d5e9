// The way to the palette: a button, and Ctrl+K or ⌘K from everywhere. The palette itself is fetched when it first opens.

import Search from '@mui/icons-material/Search'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import Tooltip from '@mui/material/Tooltip'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

const Palette = lazy(async () => ({ default: (await import('./palette')).Palette }))

const KEYS = /mac|iphone|ipad/i.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'

export function PaletteButton() {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  useEffect(() => {
    function press(event: KeyboardEvent): void {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
      event.preventDefault()
      setOpen(true)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
  return (
    <>
      <Button
        color="inherit"
        variant="outlined"
        startIcon={<Search />}
        aria-haspopup="dialog"
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => setOpen(true)}
        sx={{ display: { xs: 'none', md: 'inline-flex' }, borderColor: 'divider', color: 'text.secondary', fontWeight: 400, minWidth: 240, justifyContent: 'flex-start' }}
      >
        <span>{t('palette.open')}</span>
        <Box component="kbd" aria-hidden="true" sx={{ marginInlineStart: 'auto', fontFamily: 'inherit', fontSize: '0.75rem' }}>
          {KEYS}
        </Box>
      </Button>
      <Tooltip title={t('palette.open')}>
        <IconButton color="inherit" aria-label={t('palette.open')} aria-haspopup="dialog" onClick={() => setOpen(true)} sx={{ display: { md: 'none' } }}>
          <Search />
        </IconButton>
      </Tooltip>
      {open && (
        <Suspense>
          <Palette onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  )
}
