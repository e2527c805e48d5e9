import Delete from '@mui/icons-material/DeleteOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useCan, useForbidden } from '../../session/use-me'
import { StateChip } from '../../ui/parts'
import { UserName } from '../users/user-name'
import { deleteInvite, type Invite, invites } from './queries'

export function Component() {
  const { t } = useTranslation(['invites', 'common'])
  const can = useCan()
  const forbidden = useForbidden()
  const format = useFormats()
  const name = (invite: Invite) => invite.email ?? t('unnamed')
  const columns: Column<Invite>[] = [
    { key: 'email', header: t('field.email'), flex: 2, render: name },
    { key: 'role', header: t('field.role'), render: ({ role }) => t(`common:role.${role}`) },
    { key: 'state', header: t('common:field.state'), width: 120, render: ({ state }) => <StateChip state={state} /> },
    { key: 'expires_at', header: t('field.expires'), sort: 'expires_at', width: 160, render: ({ expires_at }) => format.ago(expires_at) },
    { key: 'created_by', header: t('field.createdBy'), width: 150, render: ({ created_by }) => <UserName id={created_by} /> },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: ({ created_at }) => format.date(created_at) },
  ]
  return (
    <NounList
      title={t('title')}
      source={invites}
      columns={columns}
      bulk={can('invite_delete') ? [{ key: 'delete', label: t('takeBack'), icon: <Delete />, run: deleteInvite, warning: t('takeBackMany'), name }] : []}
      rowPath={({ id }) => paths.invites.detail(id)}
      card={(invite) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography sx={{ fontWeight: 600 }} noWrap>
              {name(invite)}
            </Typography>
            <Typography variant="body2" color="text.secondary">
              {t(`common:role.${invite.role}`)} · {format.ago(invite.expires_at)}
            </Typography>
          </Stack>
          <StateChip state={invite.state} />
        </Stack>
      )}
      create={{ label: t('create'), to: paths.invites.create(), disabledReason: forbidden('invite_create') }}
      csv={{
        fileName: 'invites.csv',
        columns: [
          { header: 'email', text: (invite) => invite.email },
          { header: 'role', text: (invite) => invite.role },
          { header: 'state', text: (invite) => invite.state },
          { header: 'expires_at', text: (invite) => invite.expires_at },
          { header: 'created_by', text: (invite) => invite.created_by },
          { header: 'created_at', text: (invite) => invite.created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}
