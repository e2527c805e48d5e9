// A finished configuration to take away: a code to scan, a file to save, a text to copy, and what to do with it.

import FileDownload from '@mui/icons-material/FileDownload'
import ImageIcon from '@mui/icons-material/ImageOutlined'
import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'

import { forQr, lacksPrivateKey } from '../lib/conf'
import { makeQr, type Qr, toPng } from '../lib/qr'
import { CopyLabelled } from './copy'
import { PlatformHelp } from './platform-help'
import { QrCode } from './qr-code'
import { saveFile } from './save'

interface ConfigViewProps {
  conf: string
  /** A name that wg-quick accepts, with `.conf` at its end. */
  fileName: string
  /** Said when it was saved or copied: it may be closed then without a question. */
  onTaken?: () => void
}

/** A text without its private key gets no code: no app could use it. */
export function ConfigView({ conf, fileName, onTaken }: ConfigViewProps) {
  const { t } = useTranslation('config')
  const whole = !lacksPrivateKey(conf)
  const qr = useMemo(() => (whole ? makeQr(forQr(conf)) : undefined), [conf, whole])
  async function savePicture(code: Qr): Promise<void> {
    const picture = await toPng(code)
    if (!picture) return
    saveFile(fileName.replace(/\.conf$/, '.png'), 'image/png', picture)
    onTaken?.()
  }
  return (
    <Stack sx={{ gap: 2 }}>
      <Stack direction={{ xs: 'column', sm: 'row' }} sx={{ gap: 3, alignItems: { xs: 'center', sm: 'flex-start' } }}>
        {qr && (
          <Box sx={{ flex: '0 0 auto', width: { xs: '100%', sm: 260 }, maxWidth: 320 }}>
            <QrCode qr={qr} label={t('qr')} />
          </Box>
        )}
        <Stack sx={{ gap: 1.5, flexGrow: 1, minWidth: 0, width: '100%' }}>
          {qr && <Typography>{t('scan')}</Typography>}
          {whole && !qr && <Alert severity="info">{t('tooLong')}</Alert>}
          <Typography>{whole ? t('take') : t('takeText')}</Typography>
          <Button
            variant="contained"
            startIcon={<FileDownload />}
            onClick={() => {
              saveFile(fileName, 'text/plain', conf)
              onTaken?.()
            }}
          >
            {t('save', { name: fileName })}
          </Button>
          <CopyLabelled label={t('copy')} text={conf} {...(onTaken ? { onCopied: onTaken } : {})} />
          {qr && (
            <Button
              variant="outlined"
              color="inherit"
              startIcon={<ImageIcon />}
              onClick={() => void savePicture(qr)}
            >
              {t('savePicture')}
            </Button>
          )}
        </Stack>
      </Stack>
      <Box component="details">
        <Box component="summary" sx={{ cursor: 'pointer', py: 0.5 }}>
          {t('showText')}
        </Box>
        <Box component="pre" dir="ltr" tabIndex={0} aria-label={t('text')} sx={{ m: 0, mt: 1, p: 1.5, overflowX: 'auto', borderRadius: 1, bgcolor: 'action.hover', fontSize: '0.8125rem' }}>
          {conf}
        </Box>
      </Box>
      <PlatformHelp />
    </Stack>
  )
}
