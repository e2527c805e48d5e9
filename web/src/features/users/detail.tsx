import Block from '@mui/icons-material/Block'
import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import MoreTime from '@mui/icons-material/MoreTime'
import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import Stack from '@mui/material/Stack'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Outlet, useNavigate, useParams } from 'react-router'

import { manages, reach } from '../../api/access'
import type { Action as ActionId, User } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useForbidden, useMe } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { useExtend } from '../devices/extend-dialog'
import { UsageSection } from '../devices/usage-section'
import { disableUser, enableUser, restoreUser, setExpiry, userQuery, userUsageQuery } from './queries'
import { UserActs } from './user-acts'
import { UserDevices } from './user-devices'
import { UserSessions } from './user-sessions'
import { stateOf } from './user-state'

export function Component() {
  const { t } = useTranslation(['users', 'common'])
  const { id = '' } = useParams()
  const { data: user } = useSuspenseQuery(userQuery(id))
  const format = useFormats()
  const when = (moment: string | null | undefined) => (moment ? format.dateTime(moment) : t('common:never'))
  return (
    <>
      <PageHeader title={user.display_name || user.login} chip={<StateChip state={stateOf(user)} />} actions={<HeaderActs user={user} />} />
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.login'), user.login],
            [t('field.role'), t(`common:role.${user.role}`)],
            [t('field.email'), user.email ?? '–'],
            [t('field.mfa'), user.has_mfa ? t('common:yes') : t('common:no')],
            [t('field.expires'), when(user.expires_at)],
            [t('field.deviceLimit'), typeof user.device_limit === 'number' ? format.number(user.device_limit) : t('common:noLimit')],
            [t('field.dataLimit'), user.data_limit_bytes ? format.bytes(user.data_limit_bytes) : t('common:noLimit')],
            [t('common:field.created'), when(user.created_at)],
            [t('common:field.updated'), when(user.updated_at)],
            [t('common:field.deleted'), user.deleted_at ? when(user.deleted_at) : undefined],
          ]}
        />
      </Section>
      {!user.deleted_at && <Belongings user={user} />}
      <Outlet />
    </>
  )
}

/** What hangs on the account, each as far as the reader's role sees it. */
function Belongings({ user }: { user: User }) {
  const me = useMe()
  const why = useWhyNot(user)
  return (
    <>
      <UserDevices user={user} whyNoNew={why('device_create')} />
      <UsageSection query={(from, to) => userUsageQuery(user.id, from, to)} />
      {(reach(me.role, 'session_list') === 'all' || user.id === me.id) && <UserSessions user={user} whyNotEnd={why('session_delete')} />}
    </>
  )
}

function HeaderActs({ user }: { user: User }) {
  const { t } = useTranslation(['users', 'devices', 'common'])
  const navigate = useNavigate()
  const act = useAct()
  const why = useWhyNot(user)
  const { dialog, ask } = useExtend()
  const off = user.disabled

  async function extend(): Promise<void> {
    const times = (await ask())?.({ expires_at: user.expires_at ?? null, duration_s: null, first_handshake_at: null })
    if (times) await act(() => setExpiry(user, times.expires_at ?? null), t('devices:done.extended', { name: user.login }))
  }
  if (user.deleted_at) {
    const restore = () => void act(() => restoreUser(user), t('done.restored', { name: user.login }))
    return <Action variant="contained" icon={<RestoreFromTrash />} label={t('common:act.restore')} disabledReason={why('user_restore')} onRun={restore} />
  }
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
      {stateOf(user) === 'expired' && <Action variant="contained" icon={<MoreTime />} label={t('devices:extend.menu')} disabledReason={why('user_update')} onRun={() => void extend()} />}
      <Action variant="outlined" icon={<Edit />} label={t('common:act.edit')} disabledReason={why('user_update')} onRun={() => void navigate(paths.users.edit(user.id))} />
      <Action
        variant="outlined"
        icon={off ? <CheckCircle /> : <Block />}
        label={off ? t('common:act.enable') : t('common:act.disable')}
        disabledReason={why(off ? 'user_enable' : 'user_disable')}
        onRun={() => void act(() => (off ? enableUser(user) : disableUser(user)), t(off ? 'done.enabled' : 'done.disabled', { name: user.login }))}
      />
      <UserActs user={user} whyNot={why} />
      {dialog}
    </Stack>
  )
}

/** Why this act does not work on this user; undefined where it does. */
function useWhyNot(user: User): (action: ActionId) => string | undefined {
  const { t } = useTranslation(['users', 'common'])
  const forbidden = useForbidden()
  const me = useMe()
  return (action) => {
    const no = forbidden(action)
    if (no) return no
    if (user.id !== me.id && !manages(me.role, user.role)) return t('notYours', { role: t(`common:role.${user.role}`) })
    if (user.deleted_at && action !== 'user_restore') return t('isDeleted')
    return undefined
  }
}
