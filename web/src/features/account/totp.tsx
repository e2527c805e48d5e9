// The authenticator app. Its secret is shown once, and is nowhere but in the open dialog.

import Link from '@mui/material/Link'
import Typography from '@mui/material/Typography'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Schema } from '../../api/types'
import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useFormats } from '../../i18n/use-formats'
import { makeQr } from '../../lib/qr'
import { Action } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Section } from '../../ui/parts'
import { QrCode } from '../../ui/qr-code'
import { useAct, useDone } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { confirmTotp, createTotp, deleteTotp, type Mfa } from './queries'

type Totp = Schema<'TotpView'>

export function TotpPart({ mfa, onCodes }: { mfa: Mfa; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation('account')
  const format = useFormats()
  const act = useAct()
  const confirmed = useConfirmed()
  const [secret, setSecret] = useState<Totp>()
  const { totp_since: since } = mfa
  const isLast = mfa.required && mfa.passkeys === 0

  async function remove(): Promise<void> {
    const question = { title: t('totp.removeTitle'), text: t('totp.removeText'), act: t('totp.remove'), destructive: true }
    await confirmed(question, deleteTotp, t('totp.removed'))
  }
  const setUp = () => void act(async () => setSecret(await createTotp()), t('totp.begun'))
  return (
    <Section
      title={t('totp.title')}
      actions={
        since ? (
          <Action variant="outlined" color="error" label={t('totp.remove')} disabledReason={isLast ? t('mfa.lastFactor') : undefined} onRun={() => void remove()} />
        ) : (
          <Action variant="contained" label={t('totp.setUp')} onRun={setUp} />
        )
      }
    >
      <Typography>{since ? t('totp.since', { when: format.date(since) }) : t('totp.lead')}</Typography>
      {secret && <EnrolDialog totp={secret} onClose={() => setSecret(undefined)} onCodes={onCodes} />}
    </Section>
  )
}

function EnrolDialog({ totp, onClose, onCodes }: { totp: Totp; onClose: () => void; onCodes: (codes: string[]) => void }) {
  const { t } = useTranslation(['account', 'common'])
  const done = useDone()
  const qr = useMemo(() => makeQr(totp.url), [totp.url])
  const form = useApiForm({
    schema: z.object({ code: z.string().trim().regex(/^\d{3}\s?\d{3}$/, t('totp.digits')) }),
    values: { code: '' },
    send: async ({ code }) => {
      const { recovery_codes } = await confirmTotp(code.replaceAll(/\s/g, ''))
      if (recovery_codes) onCodes(recovery_codes)
      onClose()
      await done(t('totp.done'))
    },
  })
  return (
    <FormDialog api={form} title={t('totp.setUpTitle')} act={t('totp.confirm')} onClose={onClose}>
      <Typography>{t('totp.scan')}</Typography>
      {qr && <QrCode qr={qr} label={t('totp.qrLabel')} />}
      <div>
        <Typography variant="body2" color="text.secondary">
          {t('totp.type')}
        </Typography>
        <CopyText text={totp.secret} />
      </div>
      <Link href={totp.url}>{t('totp.open')}</Link>
      <TextInput name="code" label={t('totp.code')} inputMode="numeric" autoComplete="one-time-code" autoFocus ltr />
    </FormDialog>
  )
}
