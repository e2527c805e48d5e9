// The page behind a one-time link with a device's configuration. No account is needed.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { Trans, useTranslation } from 'react-i18next'

import { useLeaveGuard } from '../../app/use-leave-guard'
import { deviceName, fileName } from '../../lib/conf'
import { forgetFragment } from '../../lib/fragment'
import { Door } from '../../session/door'
import { ConfigView } from '../../ui/config-view'
import { useConfirm } from '../../ui/confirm'
import { Fault } from '../../ui/fault'
import { isSpent, OneTimePage, Spent } from './one-time-page'
import { redeemLink } from './queries'

export function Component() {
  const { t } = useTranslation('links')
  return <OneTimePage title={t('config.title')}>{(token) => <Redeem key={token} token={token} />}</OneTimePage>
}

function Redeem({ token }: { token: string }) {
  const { t } = useTranslation('links')
  const [conf, setConf] = useState<string>()
  const [fault, setFault] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const [taken, setTaken] = useState(false)
  const confirm = useConfirm()
  useLeaveGuard(conf !== undefined && !taken, () => confirm({ title: t('config.leave.title'), text: t('config.leave.text'), act: t('config.leave.act') }))

  async function show(): Promise<void> {
    setBusy(true)
    setFault(undefined)
    try {
      const config = await redeemLink(token)
      forgetFragment()
      setConf(config.conf)
    } catch (error) {
      setFault(error)
    } finally {
      setBusy(false)
    }
  }
  if (isSpent(fault)) return <Spent title={t('config.title')} fault={fault} hint={t('config.askAgain')} />
  return (
    <Door key={String(conf !== undefined)} title={t('config.title')} wide={conf !== undefined} focus={conf !== undefined}>
      {conf === undefined ? (
        <Stack sx={{ gap: 2 }}>
          {fault !== undefined && <Fault error={fault} />}
          <Typography>
            <Trans t={t} i18nKey="config.lead" components={{ app: <Link href="https://www.wireguard.com/install/" target="_blank" rel="noreferrer" underline="always" />, strong: <strong /> }} />
          </Typography>
          <Button variant="contained" size="large" loading={busy} onClick={() => void show()}>
            {t('config.act')}
          </Button>
        </Stack>
      ) : (
        <Stack sx={{ gap: 3 }}>
          <Alert severity="info">{t('config.once')}</Alert>
          <Typography variant="h2">{deviceName(conf) || fileName(deviceName(conf))}</Typography>
          <ConfigView conf={conf} fileName={fileName(deviceName(conf))} onTaken={() => setTaken(true)} />
        </Stack>
      )}
    </Door>
  )
}
