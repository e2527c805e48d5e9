// Users and devices whose time ends within a week.

import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { Section } from '../../ui/parts'
import type { Overview } from './queries'
import { Rows } from './rows'

export function Ending({ overview }: { overview: Overview }) {
  const { t } = useTranslation('overview')
  const format = useFormats()
  const all = [
    ...overview.expiring_users.map((user) => ({ ...user, kind: t('user'), to: paths.users.detail(user.id) })),
    ...overview.expiring_devices.map((device) => ({ ...device, kind: t('device'), to: paths.devices.detail(device.id) })),
  ].toSorted((one, other) => Date.parse(one.expires_at) - Date.parse(other.expires_at))
  return (
    <Section title={t('ending')}>
      <Rows>
        {all.map(({ id, name, kind, to, expires_at }) => (
          <Stack key={id} component="li" direction="row" sx={{ gap: 2, py: 1, alignItems: 'baseline' }}>
            <Link component={RouterLink} to={to} sx={{ fontWeight: 600, overflowWrap: 'anywhere' }}>
              {name}
            </Link>
            <Typography variant="body2" color="text.secondary" sx={{ flexGrow: 1 }}>
              {kind}
            </Typography>
            <Typography component="time" dateTime={expires_at} variant="body2" title={format.dateTime(expires_at)}>
              {format.ago(expires_at)}
            </Typography>
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}
