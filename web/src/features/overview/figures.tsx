// The figures one looks for first, large enough to be read from across a room.

import Box from '@mui/material/Box'
import Card from '@mui/material/Card'
import CardActionArea from '@mui/material/CardActionArea'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import type { Overview } from './queries'

export function Figures({ overview: { devices, users, nodes, traffic } }: { overview: Overview }) {
  const { t } = useTranslation('overview')
  const format = useFormats()
  const up = nodes.filter(({ state }) => state === 'online' || state === 'draining').length
  const others = (['on_hold', 'limited', 'expired', 'disabled'] as const).filter((state) => devices[state] > 0)
  return (
    <Box component="section" aria-label={t('figures')} sx={{ display: 'grid', gap: 2, mb: 2, gridTemplateColumns: { xs: 'repeat(2, minmax(0, 1fr))', md: 'repeat(4, minmax(0, 1fr))' } }}>
      <Figure
        to={paths.devices.list()}
        name={t('figure.online')}
        value={format.number(devices.online)}
        note={[t('ofDevices', { count: devices.total }), ...others.map((state) => `${format.number(devices[state])} ${t(`deviceState.${state}`)}`)].join(' · ')}
      />
      <Figure name={t('figure.traffic')} value={format.rate(traffic.tx_bytes_per_s)} note={t('upload', { rate: format.rate(traffic.rx_bytes_per_s) })} />
      <Figure
        to={paths.users.list()}
        name={t('figure.users')}
        value={format.number(users.total)}
        note={[
          ...(users.disabled > 0 ? [t('usersDisabled', { count: users.disabled })] : []),
          ...(users.expired > 0 ? [t('usersExpired', { count: users.expired })] : []),
        ].join(' · ') || t('allActive')}
      />
      <Figure to={paths.nodes.list()} name={t('figure.nodes')} value={format.number(up)} note={t('ofNodes', { count: nodes.length })} />
    </Box>
  )
}

function Figure({ to, name, value, note }: { to?: string; name: string; value: string; note: string }) {
  const inner = (
    <Box sx={{ p: 2, height: '100%' }}>
      <Typography variant="body2" color="text.secondary">
        {name}
      </Typography>
      <Typography component="p" sx={{ fontSize: { xs: '1.5rem', sm: '2rem' }, fontWeight: 650, lineHeight: 1.3, fontVariantNumeric: 'tabular-nums' }}>
        {value}
      </Typography>
      <Typography variant="body2" color="text.secondary">
        {note}
      </Typography>
    </Box>
  )
  return (
    <Card>
      {to ? (
        <CardActionArea component={Link} to={to} sx={{ height: '100%' }}>
          {inner}
        </CardActionArea>
      ) : (
        inner
      )}
    </Card>
  )
}
