// Hands a configuration over: shown here, or by a link to somebody else. It holds the only copy of a private key that
// the browser made, or that the server has just forgotten, so it asks before it closes.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import useMediaQuery from '@mui/material/useMediaQuery'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { Device, Schema } from '../../api/types'
import { OneTimeUrl } from '../../app/one-time'
import { paths } from '../../app/paths'
import { useLeaveGuard } from '../../app/use-leave-guard'
import { withPrivateKey } from '../../lib/conf'
import { ConfigView } from '../../ui/config-view'
import { useConfirm } from '../../ui/confirm'
import { Fault } from '../../ui/fault'
import { Waiting } from '../../ui/parts'
import { createDeviceLink, revealDevice } from './queries'

interface HandoverProps {
  device: Device
  /** The key that this page made for it. */
  privateKey?: string
  title: string
  onClose: () => void
  /** Closing goes to another address, where the question is asked on the way. */
  closesByAddress?: boolean
}

interface Config {
  conf: string
  fileName: string
  secret: boolean
}

async function configOf(id: string, privateKey: string | undefined): Promise<Config> {
  const { conf, file_name: fileName, client_key } = await revealDevice(id)
  return { conf: privateKey ? withPrivateKey(conf, privateKey) : conf, fileName, secret: privateKey !== undefined || !client_key }
}

export function Handover({ device, privateKey, title, onClose, closesByAddress = false }: HandoverProps) {
  const { t } = useTranslation(['devices', 'common'])
  const confirm = useConfirm()
  const client = useQueryClient()
  const small = useMediaQuery((theme) => theme.breakpoints.down('sm'))
  const heading = useId()
  const [config, setConfig] = useState<Config>()
  const [link, setLink] = useState<Schema<'LinkView'>>()
  const [fault, setFault] = useState<unknown>()
  const [taken, setTaken] = useState(false)
  const [busy, setBusy] = useState<'show' | 'link'>()
  // A second press comes before the buttons are drawn anew.
  const under = useRef(false)
  const serverHasIt = device.has_private_key && !privateKey
  const holds = !taken && (privateKey !== undefined || config?.secret === true || link !== undefined)

  /** One at a time: the server has a key to show once, and a second answer without it would take the first one's place. */
  async function once(way: 'show' | 'link', ask: () => Promise<void>): Promise<void> {
    if (under.current) return
    under.current = true
    setBusy(way)
    setFault(undefined)
    await ask().catch(setFault)
    setBusy(undefined)
    under.current = false
  }
  const show = () => once('show', async () => setConfig(await configOf(device.id, privateKey)))
  const send = () => once('link', async () => setLink(await createDeviceLink(device.id)))
  const begin = useEffectEvent(() => {
    // A key that the server keeps is shown once, so never without having been asked for.
    if (!serverHasIt) void show()
  })
  useEffect(() => begin(), [])

  const sure = () => confirm({ title: t(link ? 'leaveLinkTitle' : 'leaveTitle'), text: t(link ? 'leaveLinkText' : 'leaveText'), act: t('leave') })
  useLeaveGuard(holds, sure)
  async function close(): Promise<void> {
    if (!closesByAddress && holds && !(await sure())) return
    onClose()
    // What was revealed, the server has no more.
    await client.invalidateQueries({ queryKey: ['devices'] })
  }

  return (
    <Dialog open onClose={(_, reason) => reason === 'escapeKeyDown' && void close()} fullScreen={small} maxWidth="md" aria-labelledby={heading}>
      <DialogTitle id={heading}>{title}</DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2 }}>
          {fault !== undefined && <Fault error={fault} onRetry={() => void show()} />}
          {link && <OwnLink link={link} onTaken={() => setTaken(true)} />}
          {config && <Lead config={config} made={privateKey !== undefined} />}
          {config && <ConfigView conf={config.conf} fileName={config.fileName} onTaken={() => setTaken(true)} />}
          {!config && !link && serverHasIt && (
            <Ways busy={busy} onReveal={() => void show()} onLink={() => void send()} />
          )}
          {!config && !link && !serverHasIt && fault === undefined && <Waiting />}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button variant={config || link ? 'contained' : 'text'} onClick={() => void close()}>
          {t('common:act.close')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}

function Lead({ config, made }: { config: Config; made: boolean }) {
  const { t } = useTranslation('devices')
  return <Alert severity={config.secret ? 'warning' : 'info'}>{t(made ? 'lead.browser' : config.secret ? 'lead.server' : 'lead.noKey')}</Alert>
}

/** The server keeps the key: here, or to somebody else, and only one of the two. */
function Ways({ busy, onReveal, onLink }: { busy: 'show' | 'link' | undefined; onReveal: () => void; onLink: () => void }) {
  const { t } = useTranslation('devices')
  return (
    <Stack sx={{ gap: 3, pt: 1 }}>
      {(
        [
          ['show', onReveal, 'contained'],
          ['link', onLink, 'outlined'],
        ] as const
      ).map(([way, run, variant]) => (
        <Stack key={way} sx={{ gap: 1, alignItems: 'flex-start' }}>
          <Typography variant="h3">{t(`way.${way}.title`)}</Typography>
          <Typography color="text.secondary">{t(`way.${way}.text`)}</Typography>
          <Button variant={variant} loading={busy === way} disabled={busy !== undefined} onClick={run}>
            {t(`way.${way}.act`)}
          </Button>
        </Stack>
      ))}
    </Stack>
  )
}

function OwnLink({ link, onTaken }: { link: Schema<'LinkView'>; onTaken: () => void }) {
  const { t } = useTranslation('devices')
  return (
    <>
      <OneTimeUrl url={`${location.origin}${paths.link()}#${link.token}`} expiresAt={link.expires_at} onTaken={onTaken} />
      <Typography color="text.secondary">{t('linkText')}</Typography>
    </>
  )
}
