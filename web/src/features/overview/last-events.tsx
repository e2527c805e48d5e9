// The last acts in the audit.

import Chip from '@mui/material/Chip'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { useActionName } from '../../i18n/use-action-name'
import { useFormats } from '../../i18n/use-formats'
import { Section } from '../../ui/parts'
import { lastEventsQuery } from './queries'
import { Rows } from './rows'

export function LastEvents() {
  const { t } = useTranslation('overview')
  const format = useFormats()
  const nameOf = useActionName()
  const { data } = useQuery(lastEventsQuery)
  if (!data || data.items.length === 0) return null
  return (
    <Section title={t('lastEvents')} actions={<Link component={RouterLink} to={paths.audit.list()}>{t('allEvents')}</Link>}>
      <Rows>
        {data.items.map(({ id, action, at, outcome }) => (
          <Stack key={id} component="li" direction="row" sx={{ gap: 2, py: 0.75, alignItems: 'center' }}>
            <Link component={RouterLink} to={`${paths.audit.list()}?action=${encodeURIComponent(action)}`} sx={{ flexGrow: 1, minWidth: 0 }}>
              {nameOf(action)}
            </Link>
            {outcome === 'refused' && <Chip size="small" variant="outlined" color="warning" label={t('refused')} />}
            <Typography component="time" dateTime={at} variant="body2" color="text.secondary" title={format.dateTime(at)} noWrap>
              {format.ago(at)}
            </Typography>
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}
