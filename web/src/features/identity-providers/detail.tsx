import Delete from '@mui/icons-material/DeleteOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import NetworkCheck from '@mui/icons-material/NetworkCheck'
import Alert from '@mui/material/Alert'
import { useMutation, useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Outlet, useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Fault } from '../../ui/fault'
import { Code, Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { settingsQuery } from '../settings/queries'
import { deleteIdentityProvider, type IdentityProvider, identityProviderQuery, testIdentityProvider } from './queries'

export function Component() {
  const { t } = useTranslation(['identityProviders', 'common'])
  const { id = '' } = useParams()
  const { data: provider } = useSuspenseQuery(identityProviderQuery(id))
  const format = useFormats()
  const test = useMutation({ mutationFn: () => testIdentityProvider(id) })
  return (
    <>
      <PageHeader title={provider.name} chip={<StateChip state={provider.enabled ? 'active' : 'disabled'} />} actions={<HeaderActs provider={provider} busy={test.isPending} onTest={() => test.mutate()} />} />
      <div aria-live="polite">
        {test.isSuccess && (
          <Alert severity={test.data.ok ? 'success' : 'error'} sx={{ mb: 2, overflowWrap: 'anywhere' }}>
            {test.data.detail}
          </Alert>
        )}
        {test.isError && <Fault error={test.error} />}
      </div>
      <Section title={t(provider.ldap ? 'kind.ldap' : 'kind.oidc')}>
        {provider.oidc && <Oidc provider={provider} oidc={provider.oidc} />}
        {provider.ldap && <Ldap ldap={provider.ldap} />}
      </Section>
      <Section title={t('accounts')}>
        <Facts
          facts={[
            [t('field.allowSignUp'), provider.allow_sign_up ? t('common:yes') : t('common:no')],
            [t('field.defaultRole'), t(`common:role.${provider.default_role}`)],
            [t('field.deviceLimit'), typeof provider.device_limit === 'number' ? format.number(provider.device_limit) : t('common:noLimit')],
            [t('groups.title'), provider.group_roles.length === 0 ? '–' : provider.group_roles.map(({ group, role }) => <div key={group}>{`${group} → ${t(`common:role.${role}`)}`}</div>)],
            [t('field.hasSecret'), provider.has_secret ? t('common:yes') : t('common:no')],
            [t('common:field.created'), format.dateTime(provider.created_at)],
            [t('common:field.updated'), format.dateTime(provider.updated_at)],
          ]}
        />
      </Section>
      <Outlet />
    </>
  )
}

function Oidc({ provider, oidc }: { provider: IdentityProvider; oidc: NonNullable<IdentityProvider['oidc']> }) {
  const { t } = useTranslation('identityProviders')
  const { data: settings } = useSuspenseQuery(settingsQuery)
  return (
    <Facts
      facts={[
        [t('oidc.callback'), settings.panel_url ? <CopyText key="callback" text={settings.panel_url.replace(/\/$/, '') + provider.callback_path} /> : t('oidc.noPanelUrl')],
        [t('oidc.issuer'), <Code key="issuer">{oidc.issuer}</Code>],
        [t('oidc.clientId'), <Code key="client">{oidc.client_id}</Code>],
        [t('oidc.scopes'), <Code key="scopes">{oidc.scopes ?? 'profile email'}</Code>],
        [t('oidc.groupClaim'), oidc.group_claim ? <Code key="claim">{oidc.group_claim}</Code> : '–'],
      ]}
    />
  )
}

function Ldap({ ldap }: { ldap: NonNullable<IdentityProvider['ldap']> }) {
  const { t } = useTranslation(['identityProviders', 'common'])
  const code = (text: string | null | undefined) => (text ? <Code>{text}</Code> : '–')
  return (
    <Facts
      facts={[
        [t('ldap.url'), code(ldap.url)],
        [t('ldap.startTls'), ldap.start_tls ? t('common:yes') : t('common:no')],
        [t('ldap.base'), code(ldap.base)],
        [t('ldap.filter'), code(ldap.filter)],
        [t('ldap.bindDn'), code(ldap.bind_dn)],
        [t('ldap.login'), code(ldap.login_attribute)],
        [t('ldap.subject'), code(ldap.subject_attribute)],
        [t('ldap.group'), code(ldap.group_attribute)],
      ]}
    />
  )
}

function HeaderActs({ provider, busy, onTest }: { provider: IdentityProvider; busy: boolean; onTest: () => void }) {
  const { t } = useTranslation(['identityProviders', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const { name } = provider

  async function remove(): Promise<void> {
    const question = { title: t('deleteTitle', { name }), text: t('deleteText'), act: t('common:act.delete'), name, destructive: true }
    if (await confirmed(question, () => deleteIdentityProvider(provider), t('done.deleted', { name }))) await navigate(paths.identityProviders.list())
  }
  return (
    <>
      <Action variant="outlined" icon={<NetworkCheck />} label={t('test')} disabledReason={busy ? t('testBusy') : forbidden('identity_provider_test')} onRun={onTest} />
      <Action variant="outlined" icon={<Edit />} label={t('common:act.edit')} disabledReason={forbidden('identity_provider_update')} onRun={() => void navigate(paths.identityProviders.edit(provider.id))} />
      <Action variant="outlined" color="error" icon={<Delete />} label={t('common:act.delete')} disabledReason={forbidden('identity_provider_delete')} onRun={() => void remove()} />
    </>
  )
}
