// The licences of others' packages that are in these pages, as they ask to be handed on.

import Box from '@mui/material/Box'
import Typography from '@mui/material/Typography'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { Code } from '../../ui/parts'
import { noticesQuery } from './queries'

export function Notices() {
  const { t } = useTranslation('about')
  const { data: notices } = useSuspenseQuery(noticesQuery)
  return (
    <>
      <Typography color="text.secondary" sx={{ mb: 1 }}>
        {t('packages', { count: notices.flatMap(({ packages }) => packages).length })}
      </Typography>
      {notices.map(({ packages, text }) => (
        <Box key={packages[0]} component="details" sx={{ py: 0.5 }}>
          <Box component="summary" sx={{ cursor: 'pointer' }}>
            <Code>{packages.join(', ')}</Code>
          </Box>
          <Box component="pre" dir="ltr" lang="en" sx={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontSize: '0.8125rem', m: 0, p: 2 }}>
            {text}
          </Box>
        </Box>
      ))}
    </>
  )
}
