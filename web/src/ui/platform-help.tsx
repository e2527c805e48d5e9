// What to do with a configuration, in words, for each kind of machine.

import Box from '@mui/material/Box'
import Link from '@mui/material/Link'
import Tab from '@mui/material/Tab'
import Tabs from '@mui/material/Tabs'
import Typography from '@mui/material/Typography'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { withCode } from './with-code'

const PLATFORMS = ['android', 'ios', 'windows', 'macos', 'linux', 'router'] as const
export type Platform = (typeof PLATFORMS)[number]

/** The machine that the reader most likely holds. Tablets of Apple call themselves Macintosh. */
export function platformOf(userAgent: string, touches: number): Platform {
  if (/android/i.test(userAgent)) return 'android'
  if (/iphone|ipad|ipod/i.test(userAgent)) return 'ios'
  if (/macintosh/i.test(userAgent)) return touches > 1 ? 'ios' : 'macos'
  return /windows/i.test(userAgent) ? 'windows' : 'linux'
}

export function PlatformHelp() {
  const { t } = useTranslation('config')
  const id = useId()
  const [chosen, setChosen] = useState<Platform>(() => platformOf(navigator.userAgent, navigator.maxTouchPoints))
  const steps = t(`help.${chosen}`).split('\n')
  return (
    <Box component="section" aria-labelledby={`${id}-title`}>
      <Typography id={`${id}-title`} variant="h3" component="h3">
        {t('help.title')}
      </Typography>
      <Tabs value={chosen} onChange={(_, next: Platform) => setChosen(next)} variant="scrollable" scrollButtons="auto" allowScrollButtonsMobile aria-label={t('help.title')}>
        {PLATFORMS.map((platform) => (
          <Tab key={platform} value={platform} label={t(`platform.${platform}`)} id={`${id}-${platform}`} aria-controls={`${id}-panel`} sx={{ minWidth: 0 }} />
        ))}
      </Tabs>
      <Box role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`}>
        <Box component="ol" sx={{ m: 0, mt: 1.5, paddingInlineStart: 3, '& li': { mb: 0.75 } }}>
          {steps.map((step) => (
            <li key={step}>{withCode(step)}</li>
          ))}
        </Box>
        <Typography variant="body2" color="text.secondary" sx={{ mt: 1 }}>
          {t('help.apps')}{' '}
          <Link href="https://www.wireguard.com/install/" target="_blank" rel="noreferrer">
            wireguard.com/install
          </Link>
        </Typography>
      </Box>
    </Box>
  )
}
