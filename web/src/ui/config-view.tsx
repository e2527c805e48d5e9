// A finished configuration: the code to scan, the file to save, the text to copy, and what to do with them.

import Stack from '@mui/material/Stack'
import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Typography from '@mui/material/Typography'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'

import { forQr, lacksPrivateKey } from '../lib/conf'
import { makeQr, type Qr, toPng, toSvg } from '../lib/qr'
import { copy } from './copy'
import { Code } from './parts'
import { PlatformHelp } from './platform-help'
import { QrCode } from './qr-code'
import { saveFile } from './save'
import { useToast } from './toast'

interface ConfigViewProps {
  conf: string
  fileName: string
  /** It was saved or copied, so leaving loses nothing. */
  onTaken?: () => void
}

/** A configuration without its private key gets no QR code: an app could not use it. */
export function ConfigView({ conf, fileName, onTaken }: ConfigViewProps) {
  const { t } = useTranslation('config')
  const incomplete = lacksPrivateKey(conf)
  const qr = useMemo(() => (incomplete ? undefined : makeQr(forQr(conf))), [conf, incomplete])
  return (
    <Stack sx={{ gap: 3 }}>
      {incomplete && <Alert severity="warning">{t('ownKey')}</Alert>}
      <Stack direction={{ xs: 'column', sm: 'row' }} sx={{ gap: 3 }}>
        {qr && (
          <Box component="section" sx={{ flex: '1 1 0', minWidth: 0 }}>
            <Typography variant="h2">{t('scanTitle')}</Typography>
            <Typography sx={{ mb: 1.5 }}>{t('scanText')}</Typography>
            <QrCode qr={qr} label={t('qrLabel')} />
          </Box>
        )}
        <Box component="section" sx={{ flex: '1 1 0', minWidth: 0 }}>
          <Typography variant="h2">{t('fileTitle')}</Typography>
          <Typography sx={{ mb: 1.5 }}>{t('fileText')}</Typography>
          {!qr && !incomplete && <Typography sx={{ mb: 1.5 }}>{t('noQr')}</Typography>}
          <Acts conf={conf} fileName={fileName} qr={qr} onTaken={onTaken ?? (() => {})} />
          <ConfigText conf={conf} />
        </Box>
      </Stack>
      <PlatformHelp />
    </Stack>
  )
}

function Acts({ conf, fileName, qr, onTaken }: { conf: string; fileName: string; qr: Qr | undefined; onTaken: () => void }) {
  const { t } = useTranslation('config')
  const toast = useToast()
  const base = fileName.replace(/\.conf$/, '')

  async function copyText(): Promise<void> {
    const done = await copy(conf).catch(() => false)
    if (done) onTaken()
    toast(done ? { text: t('copied') } : { tone: 'warning', text: t('notCopied') })
  }
  async function savePng(code: Qr): Promise<void> {
    const picture = await toPng(code)
    if (picture) saveFile(`${base}.png`, 'image/png', picture)
  }
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
      <Button
        variant="contained"
        onClick={() => {
          saveFile(fileName, 'text/plain', conf)
          onTaken()
        }}
      >
        {t('save', { name: fileName })}
      </Button>
      <Button variant="outlined" onClick={() => void copyText()}>
        {t('copy')}
      </Button>
      {qr && (
        <>
          <Button onClick={() => saveFile(`${base}.svg`, 'image/svg+xml', new XMLSerializer().serializeToString(toSvg(qr, t('qrLabel'))))}>
            {t('saveSvg')}
          </Button>
          <Button onClick={() => void savePng(qr)}>
            {t('savePng')}
          </Button>
        </>
      )}
    </Stack>
  )
}

function ConfigText({ conf }: { conf: string }) {
  const { t } = useTranslation('config')
  return (
    <Box component="details" sx={{ mt: 2, '& summary': { cursor: 'pointer' } }}>
      <summary>{t('showText')}</summary>
      <Box component="section" aria-label={t('text')} dir="ltr" tabIndex={0} sx={{ m: 0, mt: 1, p: 1.5, overflowX: 'auto', bgcolor: 'background.default', borderRadius: 1, textAlign: 'left', whiteSpace: 'pre' }}>
        <Code>{conf}</Code>
      </Box>
    </Box>
  )
}
