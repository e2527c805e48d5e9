// Passkeys: added by the browser, named by their owner.

import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import ListItemText from '@mui/material/ListItemText'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useFormats } from '../../i18n/use-formats'
import { clientOf } from '../../lib/user-agent'
import { knowsPasskeys, makePasskey } from '../../session/session'
import { Action } from '../../ui/action'
import { ActionMenu } from '../../ui/action-menu'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { useDone } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { beginPasskey, createPasskey, deletePasskey, type Mfa, type Passkey, passkeysQuery, renamePasskey } from './queries'

type OnCodes = (codes: string[]) => void

export function PasskeysPart({ mfa, onCodes }: { mfa: Mfa; onCodes: OnCodes }) {
  const { t } = useTranslation('account')
  const { data, error } = useQuery(passkeysQuery)
  const [adding, setAdding] = useState(false)
  const [renamed, setRenamed] = useState<Passkey>()
  const off = mfa.passkeys_off ? t('passkeys.off', { why: mfa.passkeys_off }) : knowsPasskeys() ? undefined : t('passkeys.unknown')
  const isLast = mfa.required && !mfa.totp_since && mfa.passkeys === 1
  return (
    <Section title={t('passkeys.title')} actions={<Action variant={mfa.enrolled ? 'outlined' : 'contained'} label={t('passkeys.add')} disabledReason={off} onRun={() => setAdding(true)} />}>
      <Typography>{t('passkeys.lead')}</Typography>
      {off && (
        <Typography color="text.secondary" sx={{ mt: 1 }}>
          {off}
        </Typography>
      )}
      {error && <Fault error={error} />}
      <List disablePadding>
        {data?.items.map((passkey) => <Row key={passkey.id} passkey={passkey} isLast={isLast} onRename={() => setRenamed(passkey)} />)}
      </List>
      {adding && <AddDialog onClose={() => setAdding(false)} onCodes={onCodes} />}
      {renamed && <RenameDialog passkey={renamed} onClose={() => setRenamed(undefined)} />}
    </Section>
  )
}

function Row({ passkey, isLast, onRename }: { passkey: Passkey; isLast: boolean; onRename: () => void }) {
  const { t } = useTranslation(['account', 'common'])
  const format = useFormats()
  const confirmed = useConfirmed()
  const { name } = passkey

  async function remove(): Promise<void> {
    const question = { title: t('passkeys.deleteTitle', { name }), text: t('passkeys.deleteText'), act: t('common:act.delete'), name, destructive: true }
    await confirmed(question, () => deletePasskey(passkey), t('passkeys.deleted', { name }))
  }
  const used = passkey.last_used_at ? format.ago(passkey.last_used_at) : t('common:never')
  return (
    <ListItem
      divider
      disableGutters
      sx={{ '&:last-of-type': { borderBottom: 0 } }}
      secondaryAction={
        <ActionMenu
          label={name}
          actions={[
            { label: t('passkeys.rename'), onRun: onRename },
            { label: t('common:act.delete'), disabledReason: isLast ? t('mfa.lastFactor') : undefined, onRun: () => void remove() },
          ]}
        />
      }
    >
      <ListItemText primary={name} secondary={t('passkeys.times', { added: format.date(passkey.created_at), used })} />
    </ListItem>
  )
}

function AddDialog({ onClose, onCodes }: { onClose: () => void; onCodes: OnCodes }) {
  const { t } = useTranslation(['account', 'common'])
  const done = useDone()
  const { program, system } = clientOf(navigator.userAgent)
  const form = useApiForm({
    schema: z.object({ name: z.string().trim().min(1, t('common:form.needed')).max(64) }),
    values: { name: system || program },
    send: async ({ name }) => {
      const { challenge, options } = await beginPasskey()
      const { passkey, recovery_codes } = await createPasskey({ challenge, name: name.trim(), credential: await byBrowser(options, t('passkeys.refused')) })
      if (recovery_codes) onCodes(recovery_codes)
      onClose()
      await done(t('passkeys.added', { name: passkey.name }))
    },
  })
  return (
    <FormDialog api={form} title={t('passkeys.add')} act={t('passkeys.goOn')} onClose={onClose}>
      <Typography>{t('passkeys.addText')}</Typography>
      <TextInput name="name" label={t('passkeys.name')} hint={t('passkeys.nameHint')} autoFocus />
    </FormDialog>
  )
}

/** A browser's own words are for programmers: it says the same of everything that went wrong, so that pages learn nothing. */
async function byBrowser(options: unknown, refused: string): Promise<Record<string, unknown>> {
  try {
    return await makePasskey(options)
  } catch (error) {
    throw error instanceof DOMException ? new Error(refused, { cause: error }) : error
  }
}

function RenameDialog({ passkey, onClose }: { passkey: Passkey; onClose: () => void }) {
  const { t } = useTranslation(['account', 'common'])
  const done = useDone()
  const form = useApiForm({
    schema: z.object({ name: z.string().trim().min(1, t('common:form.needed')).max(64) }),
    values: { name: passkey.name },
    send: async ({ name }) => {
      await renamePasskey(passkey, name.trim())
      onClose()
      await done(t('common:done.saved'))
    },
  })
  return (
    <FormDialog api={form} title={t('passkeys.rename')} act={t('common:act.save')} onClose={onClose}>
      <TextInput name="name" label={t('passkeys.name')} autoFocus />
    </FormDialog>
  )
}
