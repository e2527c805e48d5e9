// What to do first, on a service that nobody uses yet.

import CheckCircle from '@mui/icons-material/CheckCircle'
import RadioButtonUnchecked from '@mui/icons-material/RadioButtonUnchecked'
import Box from '@mui/material/Box'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { useMe } from '../../session/use-me'
import { Section } from '../../ui/parts'
import type { Overview } from './queries'
import { Rows } from './rows'

export interface NextStep {
  key: 'network' | 'device' | 'people' | 'secondFactor' | 'certificate'
  done: boolean
  to: string
}

export function nextSteps(overview: Overview, hasSecondFactor: boolean): NextStep[] {
  return [
    { key: 'network', done: overview.networks.length > 0, to: paths.networks.create() },
    { key: 'device', done: overview.devices.total > 0, to: paths.devices.create() },
    { key: 'secondFactor', done: hasSecondFactor, to: paths.security() },
    { key: 'certificate', done: overview.certificates.some(({ state }) => state === 'valid'), to: paths.settings() },
    { key: 'people', done: overview.users.total > 1, to: paths.invites.create() },
  ]
}

export function NextSteps({ overview }: { overview: Overview }) {
  const { t } = useTranslation(['overview', 'common'])
  const me = useMe()
  return (
    <Section title={t('next.title')}>
      <Rows>
        {nextSteps(overview, me.has_mfa).map(({ key, done, to }) => (
          <Stack key={key} component="li" direction="row" sx={{ gap: 2, py: 1.25 }}>
            {done ? <CheckCircle color="success" titleAccess={t('next.done')} /> : <RadioButtonUnchecked color="disabled" titleAccess={t('next.open')} />}
            <Box>
              {done ? (
                <Typography sx={{ fontWeight: 600 }}>{t(`next.${key}`)}</Typography>
              ) : (
                <Link component={RouterLink} to={to} sx={{ fontWeight: 600 }}>
                  {t(`next.${key}`)}
                </Link>
              )}
              <Typography variant="body2" color="text.secondary">
                {t(`next.${key}Text`)}
              </Typography>
            </Box>
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}
