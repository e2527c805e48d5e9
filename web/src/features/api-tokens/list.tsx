import Delete from '@mui/icons-material/DeleteOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { reach } from '../../api/access'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useCan, useForbidden, useMe } from '../../session/use-me'
import { UserName } from '../users/user-name'
import { type ApiToken, apiTokens, deleteApiToken } from './queries'

export function Component() {
  const { t } = useTranslation(['apiTokens', 'common'])
  const can = useCan()
  const forbidden = useForbidden()
  const me = useMe()
  const format = useFormats()
  const may = ({ scopes }: ApiToken) => (scopes.includes('all') ? t('scopes.all') : t('scopes.count', { count: scopes.length }))
  const owner: Column<ApiToken>[] = [{ key: 'user_id', header: t('field.user'), render: ({ user_id }) => <UserName id={user_id} /> }]
  const columns: Column<ApiToken>[] = [
    { key: 'name', header: t('field.name'), sort: 'name', flex: 2, render: ({ name }) => name },
    ...(reach(me.role, 'api_token_list') === 'all' ? owner : []),
    { key: 'scopes', header: t('field.scopes'), flex: 1.5, render: may },
    { key: 'last_used_at', header: t('field.lastUsed'), width: 160, render: ({ last_used_at }) => (last_used_at ? format.ago(last_used_at) : t('common:never')) },
    { key: 'expires_at', header: t('field.expires'), width: 160, render: ({ expires_at }) => (expires_at ? format.ago(expires_at) : t('common:never')) },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: ({ created_at }) => format.date(created_at) },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={apiTokens}
      columns={columns}
      bulk={can('api_token_delete') ? [{ key: 'delete', label: t('common:act.delete'), icon: <Delete />, run: deleteApiToken, warning: t('deleteManyText'), name: ({ name }) => name }] : []}
      rowPath={({ id }) => paths.apiTokens.detail(id)}
      card={(token) => (
        <Stack>
          <Typography sx={{ fontWeight: 600 }} noWrap>
            {token.name}
          </Typography>
          <Typography variant="body2" color="text.secondary">
            {may(token)} · {token.last_used_at ? format.ago(token.last_used_at) : t('neverUsed')}
          </Typography>
        </Stack>
      )}
      create={{ label: t('create'), to: paths.apiTokens.create(), disabledReason: forbidden('api_token_create') }}
      csv={{
        fileName: 'api-tokens.csv',
        columns: [
          { header: 'name', text: (token) => token.name },
          { header: 'user_id', text: (token) => token.user_id },
          { header: 'scopes', text: (token) => token.scopes.join('; ') },
          { header: 'last_used_at', text: (token) => token.last_used_at },
          { header: 'expires_at', text: (token) => token.expires_at },
          { header: 'created_at', text: (token) => token.created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}
