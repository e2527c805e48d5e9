// Recovery codes: for when every other factor is lost. Shown once, to be kept on paper or in a password store.

import Alert from '@mui/material/Alert'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { Action } from '../../ui/action'
import { useCopy } from '../../ui/copy'
import { Code, Section } from '../../ui/parts'
import { saveFile } from '../../ui/save'
import { useToast } from '../../ui/toast'
import { useConfirmed } from '../../ui/use-confirmed'
import { createRecoveryCodes } from './queries'

/** So few that others should be made. */
const FEW = 3

export function RecoveryPart({ left, onCodes }: { left: number; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation('account')
  const confirmed = useConfirmed()

  async function make(): Promise<void> {
    const question = { title: t('recovery.renew'), text: t('recovery.renewText'), act: t('recovery.renew'), destructive: true }
    await confirmed(question, async () => onCodes((await createRecoveryCodes()).recovery_codes), t('recovery.renewed'))
  }
  return (
    <Section title={t('recovery.title')} actions={<Action variant="outlined" label={t('recovery.renew')} onRun={() => void make()} />}>
      <Typography>{t('recovery.left', { count: left })}</Typography>
      {left <= FEW && (
        <Alert severity="warning" sx={{ mt: 1.5 }}>
          {t('recovery.few')}
        </Alert>
      )}
    </Section>
  )
}

export function RecoveryCodes({ codes, login, onClose }: { codes: string[]; login: string; onClose: () => void }) {
  const { t } = useTranslation(['account', 'common'])
  const toast = useToast()
  const copy = useCopy()
  const text = `${t('recovery.fileHead', { login, host: location.host })}\n\n${codes.join('\n')}\n`

  async function copyAll(): Promise<void> {
    if (await copy(codes.join('\n'))) toast({ text: t('common:copy.done') })
  }
  return (
    <Dialog open className="printed" aria-labelledby="codes-title">
      <DialogTitle id="codes-title">{t('recovery.title')}</DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2 }}>
          <Alert severity="warning">{t('recovery.once')}</Alert>
          <Typography sx={{ display: 'none', displayPrint: 'block' }}>{t('recovery.fileHead', { login, host: location.host })}</Typography>
          <Box component="ul" sx={{ m: 0, p: 0, listStyle: 'none', display: 'grid', gap: 1, gridTemplateColumns: 'repeat(auto-fill, minmax(11rem, 1fr))' }}>
            {codes.map((code) => (
              <li key={code}>
                <Code>{code}</Code>
              </li>
            ))}
          </Box>
          <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap', displayPrint: 'none' }}>
            <Button variant="outlined" onClick={() => void copyAll()}>
              {t('common:copy.copy')}
            </Button>
            <Button variant="outlined" onClick={() => saveFile(`caspervpn-${login}-recovery-codes.txt`, 'text/plain', text)}>
              {t('recovery.save')}
            </Button>
            <Button variant="outlined" onClick={() => print()}>
              {t('recovery.print')}
            </Button>
          </Stack>
        </Stack>
      </DialogContent>
      <DialogActions sx={{ displayPrint: 'none' }}>
        <Button variant="contained" onClick={onClose}>
          {t('recovery.kept')}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
