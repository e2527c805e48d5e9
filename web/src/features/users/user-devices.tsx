// A user's devices on the user's page: the newest, and the way to all of them.

import Button from '@mui/material/Button'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink, useNavigate } from 'react-router'

import type { Device, User } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { DeviceState, OnlineDot, useSeen } from '../devices/device-words'
import { useFollowed, useFollowing } from '../devices/live'
import { devicesOfQuery, ofUser } from '../devices/queries'

const SHOWN = 10

export function UserDevices({ user, whyNoNew }: { user: User; whyNoNew: string | undefined }) {
  const { t } = useTranslation('devices')
  const navigate = useNavigate()
  useFollowing()
  const page = useQuery(devicesOfQuery(user.id, SHOWN))
  const rows = page.data?.items ?? []
  return (
    <Section
      title={t('title')}
      actions={<Action size="small" variant="outlined" label={t('create')} disabledReason={whyNoNew} onRun={() => void navigate(`${paths.devices.create()}${ofUser(user.id)}`)} />}
    >
      {page.isError && <Fault error={page.error} onRetry={() => void page.refetch()} />}
      {page.isSuccess && rows.length === 0 && <Typography color="text.secondary">{t('noneOf')}</Typography>}
      <Stack component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {rows.map((device) => (
          <Stack key={device.id} component="li" direction="row" sx={{ py: 1, gap: 1.5, alignItems: 'center', borderTop: 1, borderColor: 'divider', '&:first-of-type': { borderTop: 0 } }}>
            <Row device={device} />
          </Stack>
        ))}
      </Stack>
      {page.data?.next && (
        <Button component={RouterLink} to={`${paths.devices.list()}${ofUser(user.id)}`} size="small" sx={{ mt: 1 }}>
          {t('allOf')}
        </Button>
      )}
    </Section>
  )
}

function Row({ device: read }: { device: Device }) {
  const device = useFollowed(read)
  const format = useFormats()
  const seen = useSeen()
  return (
    <>
      <OnlineDot lastHandshake={device.last_handshake_at} />
      <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
        <Link component={RouterLink} to={paths.devices.detail(device.id)} sx={{ overflowWrap: 'anywhere' }}>
          {device.name}
        </Link>
        <Typography variant="body2" color="text.secondary">
          {seen(device.last_handshake_at)} · {format.bytes(device.used_bytes)}
        </Typography>
      </Stack>
      <DeviceState device={device} />
    </>
  )
}
