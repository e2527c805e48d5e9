// How a configuration gets into each kind of device, in a few steps.

import Box from '@mui/material/Box'
import Link from '@mui/material/Link'
import MenuItem from '@mui/material/MenuItem'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { type Platform, PLATFORMS, platformOf } from '../lib/platform'

/** Where the apps are. Their makers' own page, so that nobody is sent to a copy. */
const INSTALL = 'https://www.wireguard.com/install/'

export function PlatformHelp() {
  const { t } = useTranslation('config')
  const [platform, setPlatform] = useState<Platform>(() => platformOf(navigator.userAgent))
  return (
    <Box component="section">
      <Typography variant="h2" sx={{ mb: 1.5 }}>
        {t('helpTitle')}
      </Typography>
      <TextField
        select
        label={t('helpFor')}
        value={platform}
        onChange={(event) => setPlatform(PLATFORMS.find((each) => each === event.target.value) ?? 'linux')}
        sx={{ maxWidth: 320 }}
      >
        {PLATFORMS.map((each) => (
          <MenuItem key={each} value={each}>
            {t(`platform.${each}`)}
          </MenuItem>
        ))}
      </TextField>
      <Box component="ol" sx={{ paddingInlineStart: 3, my: 1.5, '& li': { mb: 0.5 } }}>
        {t(`help.${platform}`).split('\n').map((step) => (
          <li key={step}>{step}</li>
        ))}
      </Box>
      <Link href={INSTALL} target="_blank" rel="noreferrer">
        {t('getApp')}
      </Link>
    </Box>
  )
}
