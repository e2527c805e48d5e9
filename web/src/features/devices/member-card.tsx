// One of a member's devices: whether it works, what it moved, and what can be done with it.

import QrCode2 from '@mui/icons-material/QrCode2'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Card from '@mui/material/Card'
import CardContent from '@mui/material/CardContent'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Switch from '@mui/material/Switch'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import type { Device } from '../../api/types'
import { paths } from '../../app/paths'
import { Sparkline } from '../../ui/sparkline'
import { useNow } from '../../ui/use-now'
import { DeviceActs, useToggle } from './device-acts'
import { useDeviceDialogs } from './device-dialogs'
import { DeviceState, EndingPill, OnlineDot, UsedOfLimit, useSeen } from './device-words'
import { useFollowed } from './live'
import { deviceUsageQuery } from './queries'
import { filled, lastDays } from './usage-days'

export function MemberCard({ device: read, line }: { device: Device; line: boolean }) {
  const device = useFollowed(read)
  const { t } = useTranslation('devices')
  const seen = useSeen()(device.last_handshake_at)
  const dialogs = useDeviceDialogs()
  const gone = Boolean(device.deleted_at)
  return (
    <Card sx={{ height: '100%' }}>
      <CardContent sx={{ display: 'flex', flexDirection: 'column', gap: 1.5, height: '100%', '&:last-child': { pb: 2 } }}>
        <Stack direction="row" sx={{ gap: 1.5, alignItems: 'center' }}>
          <OnlineDot lastHandshake={device.last_handshake_at} />
          <Box sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography component="h2" sx={{ fontWeight: 650, overflowWrap: 'anywhere' }}>
              <Link component={RouterLink} to={paths.devices.detail(device.id)} color="inherit">
                {device.name}
              </Link>
            </Typography>
            <Typography variant="body2" color="text.secondary">
              {seen}
            </Typography>
          </Box>
          {!gone && <EnabledSwitch device={device} />}
          <DeviceActs device={device} />
        </Stack>
        {line && <Line id={device.id} />}
        <UsedOfLimit used={device.used_bytes} limit={device.data_limit_bytes} label={t('usedOfName', { name: device.name })} />
        {(device.state !== 'active' || gone || device.expires_at || device.duration_s) && (
          <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
            {(device.state !== 'active' || gone) && <DeviceState device={device} />}
            <EndingPill device={device} />
          </Stack>
        )}
        {!gone && (
          <Button variant="outlined" startIcon={<QrCode2 />} sx={{ mt: 'auto' }} onClick={() => dialogs.show(device)}>
            {device.has_private_key ? t('my.connect') : t('config')}
          </Button>
        )}
      </CardContent>
    </Card>
  )
}

function EnabledSwitch({ device }: { device: Device }) {
  const { t } = useTranslation('devices')
  const { label, disabledReason, onRun } = useToggle(device)
  const off = disabledReason !== undefined
  return (
    <Tooltip title={disabledReason ?? label}>
      <Switch
        checked={!device.disabled}
        onChange={() => {
          if (!off) onRun()
        }}
        slotProps={{ input: { 'aria-label': t('enabledOf', { name: device.name }), 'aria-disabled': off } }}
      />
    </Tooltip>
  )
}

const DAYS = 14

function Line({ id }: { id: string }) {
  const { from, to } = lastDays(DAYS, useNow())
  const days = useQuery(deviceUsageQuery(id, from, to)).data
  if (days?.length === 0) return null
  return <Sparkline values={filled(days ?? [], from, to).map((day) => day.rx_bytes + day.tx_bytes)} />
}
