import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { Code, StateChip } from '../../ui/parts'
import { type IdentityProvider, identityProviders } from './queries'

export function Component() {
  const { t } = useTranslation(['identityProviders', 'common'])
  const forbidden = useForbidden()
  const format = useFormats()
  const kind = ({ ldap }: IdentityProvider) => t(ldap ? 'kind.ldap' : 'kind.oidc')
  const state = ({ enabled }: IdentityProvider) => <StateChip state={enabled ? 'active' : 'disabled'} />
  const columns: Column<IdentityProvider>[] = [
    { key: 'name', header: t('field.name'), sort: 'name', flex: 2, render: ({ name }) => name },
    { key: 'kind', header: t('field.kind'), flex: 1.5, render: kind },
    { key: 'place', header: t('field.place'), flex: 2.5, render: ({ oidc, ldap }) => <Code>{oidc?.issuer ?? ldap?.url}</Code> },
    { key: 'state', header: t('common:field.state'), width: 120, render: state },
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 150, render: ({ created_at }) => format.date(created_at) },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={identityProviders}
      columns={columns}
      rowPath={({ id }) => paths.identityProviders.detail(id)}
      card={(provider) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography sx={{ fontWeight: 600 }} noWrap>
              {provider.name}
            </Typography>
            <Typography variant="body2" color="text.secondary">
              {kind(provider)}
            </Typography>
          </Stack>
          {state(provider)}
        </Stack>
      )}
      create={{ label: t('create'), to: paths.identityProviders.create(), disabledReason: forbidden('identity_provider_create') }}
      csv={{
        fileName: 'identity-providers.csv',
        columns: [
          { header: 'name', text: (provider) => provider.name },
          { header: 'kind', text: (provider) => provider.ldap ? 'ldap' : 'oidc' },
          { header: 'place', text: (provider) => provider.oidc?.issuer ?? provider.ldap?.url },
          { header: 'enabled', text: (provider) => provider.enabled },
          { header: 'created_at', text: (provider) => provider.created_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}
