import Block from '@mui/icons-material/Block'
import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import Delete from '@mui/icons-material/DeleteOutlined'
import MoreTime from '@mui/icons-material/MoreTime'
import RestoreFromTrash from '@mui/icons-material/RestoreFromTrashOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'

import type { User } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import type { BulkAct } from '../../list/bulk-bar'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { StateChip } from '../../ui/parts'
import { type AskExtend, useExtend } from '../devices/extend-dialog'
import { deleteUser, disableUser, enableUser, restoreUser, setExpiry, users } from './queries'
import { ROLES } from './user-form'
import { stateOf } from './user-state'

export function Component() {
  const { t } = useTranslation(['users', 'common'])
  const forbidden = useForbidden()
  const format = useFormats()
  const { dialog, ask } = useExtend()
  const bulk = useBulk(ask)
  const columns: Column<User>[] = [
    { key: 'login', header: t('field.login'), sort: 'login', flex: 2, render: (user) => user.login },
    { key: 'display_name', header: t('field.displayName'), sort: 'display_name', flex: 2, render: (user) => user.display_name },
    { key: 'role', header: t('field.role'), render: (user) => t(`common:role.${user.role}`) },
    { key: 'state', header: t('common:field.state'), width: 120, render: (user) => <StateChip state={stateOf(user)} /> },
    { key: 'expires_at', header: t('field.expires'), width: 150, render: (user) => (user.expires_at ? format.date(user.expires_at) : '–') },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: (user) => format.date(user.created_at) },
  ]
  return (
    <>
      <NounList
        title={t('title')}
        source={users}
        columns={columns}
        filters={[
          { name: 'role', label: t('field.role'), options: ROLES.map((role) => [role, t(`common:role.${role}`)] as const) },
          { name: 'state', label: t('common:field.state'), options: STATES.map((state) => [state, t(`common:state.${state}`)] as const) },
          { name: 'deleted', label: t('common:list.shown'), options: [['true', t('common:list.deleted')]] },
        ]}
        bulk={bulk}
        rowPath={(user) => paths.users.detail(user.id)}
        card={(user) => (
          <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
            <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
              <Typography sx={{ fontWeight: 600 }} noWrap>
                {user.display_name || user.login}
              </Typography>
              <Typography variant="body2" color="text.secondary" noWrap>
                {user.login} · {t(`common:role.${user.role}`)}
              </Typography>
            </Stack>
            <StateChip state={stateOf(user)} />
          </Stack>
        )}
        create={{ label: t('create'), to: paths.users.create(), disabledReason: forbidden('user_create') }}
        csv={{
          fileName: 'users.csv',
          columns: [
            { header: 'login', text: (user) => user.login },
            { header: 'display_name', text: (user) => user.display_name },
            { header: 'role', text: (user) => user.role },
            { header: 'state', text: (user) => user.state },
            { header: 'email', text: (user) => user.email },
            { header: 'expires_at', text: (user) => user.expires_at },
            { header: 'device_limit', text: (user) => user.device_limit },
            { header: 'data_limit_bytes', text: (user) => user.data_limit_bytes },
            { header: 'created_at', text: (user) => user.created_at },
          ],
        }}
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      {dialog}
    </>
  )
}

const STATES = ['active', 'expired', 'disabled'] as const

function useBulk(ask: AskExtend): BulkAct<User>[] {
  const { t } = useTranslation(['users', 'devices', 'common'])
  const forbidden = useForbidden()
  const deleted = useSearchParams()[0].get('deleted') === 'true'
  const name = (user: User) => user.login
  const isOff = (user: User) => user.disabled
  if (deleted) return [{ key: 'restore', label: t('common:act.restore'), icon: <RestoreFromTrash />, disabledReason: forbidden('user_restore'), run: restoreUser, name }]
  return [
    { key: 'enable', label: t('common:act.enable'), icon: <CheckCircle />, disabledReason: forbidden('user_enable'), run: enableUser, undo: disableUser, needed: isOff, name },
    { key: 'disable', label: t('common:act.disable'), icon: <Block />, disabledReason: forbidden('user_disable'), run: disableUser, undo: enableUser, needed: (user) => !isOff(user), name },
    {
      key: 'extend',
      label: t('devices:extend.act'),
      icon: <MoreTime />,
      disabledReason: forbidden('user_update'),
      run: async () => {},
      prepare: async () => {
        const times = await ask(true)
        return times && { needed: (user) => times(user) !== undefined, run: (user) => setExpiry(user, times(user)?.expires_at ?? null) }
      },
      undo: (user) => setExpiry(user, user.expires_at ?? null),
      name,
    },
    { key: 'delete', label: t('common:act.delete'), icon: <Delete />, disabledReason: forbidden('user_delete'), run: deleteUser, undo: restoreUser, warning: t('deleteManyText'), name },
  ]
}
