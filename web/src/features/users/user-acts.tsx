// What is done to a user, who is not deleted, now and then: behind three dots, each with its question.

import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import type { Action, User } from '../../api/types'
import { OneTimeLink } from '../../app/one-time'
import { paths } from '../../app/paths'
import { ActionMenu } from '../../ui/action-menu'
import { useAct } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { PasswordDialog } from './password-dialog'
import { createResetLink, deleteUser, disableMfa, restoreUser } from './queries'

export function UserActs({ user, whyNot }: { user: User; whyNot: (action: Action) => string | undefined }) {
  const { t } = useTranslation(['users', 'common'])
  const act = useAct()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const [link, setLink] = useState<{ token: string; expires_at: string }>()
  const [setting, setSetting] = useState(false)
  const restore = () => void act(() => restoreUser(user), t('done.restored', { name: user.login }))

  async function remove(): Promise<void> {
    const question = { title: t('deleteTitle', { name: user.login }), text: t('deleteText'), act: t('common:act.delete'), name: user.login, destructive: true }
    const done = await confirmed(question, () => deleteUser(user), { text: t('done.deleted', { name: user.login }), action: { label: t('common:act.undo'), run: restore } })
    if (done) await navigate(paths.users.list())
  }
  async function takeMfa(): Promise<void> {
    const question = { title: t('disableMfa'), text: t('disableMfaText'), act: t('disableMfa'), name: user.login, destructive: true }
    await confirmed(question, () => disableMfa(user.id), t('done.mfaDisabled', { name: user.login }))
  }
  const usual = [
    { label: t('setPassword'), disabledReason: whyNot('user_set_password'), onRun: () => setSetting(true) },
    { label: t('resetLink'), disabledReason: whyNot('user_reset_link_create'), onRun: () => void act(async () => setLink(await createResetLink(user.id)), t('done.linkMade')) },
    { label: t('disableMfa'), disabledReason: whyNot('user_disable_mfa') ?? (user.has_mfa ? undefined : t('noMfa')), onRun: () => void takeMfa() },
    { label: t('common:act.delete'), disabledReason: whyNot('user_delete'), onRun: () => void remove() },
  ]
  return (
    <>
      <ActionMenu label={user.login} actions={usual} />
      {link && <OneTimeLink title={t('resetLink')} url={`${location.origin}${paths.reset()}#${link.token}`} expiresAt={link.expires_at} onClose={() => setLink(undefined)} />}
      {setting && <PasswordDialog user={user} onClose={() => setSetting(false)} />}
    </>
  )
}
