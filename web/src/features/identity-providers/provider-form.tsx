// The fields of an identity provider, by its kind.

import Add from '@mui/icons-material/Add'
import Delete from '@mui/icons-material/DeleteOutlined'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useFieldArray, useFormContext, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { manages } from '../../api/access'
import { SelectInput, SwitchInput, TextInput } from '../../form/fields'
import { useMe } from '../../session/use-me'
import { IconAction } from '../../ui/action'
import { Code, Facts } from '../../ui/parts'
import { ROLES } from '../users/user-form'
import type { IdentityProvider } from './queries'
import type { ProviderValues } from './provider-values'

export function ProviderFields({ provider }: { provider?: IdentityProvider }) {
  const { t } = useTranslation(['identityProviders', 'common'])
  const { control } = useFormContext<ProviderValues>()
  const [kind, dropped] = useWatch({ control, name: ['kind', 'drop_secret'] })
  const roles = useRoleOptions(provider)
  const isNew = provider === undefined
  return (
    <>
      {isNew && <SelectInput name="kind" label={t('field.kind')} options={[['oidc', t('kind.oidc')], ['ldap', t('kind.ldap')]]} />}
      <TextInput name="name" label={t('field.name')} hint={t('hint.name')} autoComplete="off" />
      {!isNew && <Facts facts={[[t(kind === 'oidc' ? 'oidc.issuer' : 'ldap.url'), <Code key="place">{provider.oidc?.issuer ?? provider.ldap?.url}</Code>]]} />}
      {kind === 'oidc' ? <OidcFields isNew={isNew} /> : <LdapFields isNew={isNew} />}
      {!dropped && <TextInput name="secret" ltr type="password" autoComplete="new-password" label={t(`secret.${kind}`)} hint={provider?.has_secret ? t('secret.keeps') : t(`secret.${kind}Hint`)} />}
      {provider?.has_secret && <SwitchInput name="drop_secret" label={t('secret.drop')} />}
      <TextInput name="ca" ltr multiline minRows={2} label={t('field.ca')} hint={t('hint.ca')} placeholder="-----BEGIN CERTIFICATE-----" />
      <Typography variant="h3">{t('accounts')}</Typography>
      <SwitchInput name="enabled" label={t('field.enabled')} />
      <SwitchInput name="allow_sign_up" label={t('field.allowSignUp')} hint={t('hint.allowSignUp')} />
      <SelectInput name="default_role" label={t('field.defaultRole')} hint={t('hint.defaultRole')} options={roles} />
      <TextInput name="device_limit" inputMode="numeric" label={t('field.deviceLimit')} hint={t('hint.noLimit')} />
      <GroupRoles roles={roles} />
    </>
  )
}

/** Roles that may be given, and those that stand there already. */
function useRoleOptions(provider: IdentityProvider | undefined) {
  const { t } = useTranslation()
  const me = useMe()
  const there = new Set([provider?.default_role, ...(provider?.group_roles ?? []).map(({ role }) => role)])
  return ROLES.filter((role) => manages(me.role, role) || there.has(role)).map((role) => [role, t(`role.${role}`)] as const)
}

function OidcFields({ isNew }: { isNew: boolean }) {
  const { t } = useTranslation('identityProviders')
  return (
    <>
      {isNew && <TextInput name="oidc.issuer" ltr inputMode="url" label={t('oidc.issuer')} hint={`${t('oidc.issuerHint')} ${t('neverChanges')}`} placeholder="https://login.example.org/realms/main" />}
      <TextInput name="oidc.client_id" ltr label={t('oidc.clientId')} hint={t('oidc.clientIdHint')} autoComplete="off" />
      <TextInput name="oidc.scopes" ltr label={t('oidc.scopes')} hint={t('oidc.scopesHint')} />
      <TextInput name="oidc.group_claim" ltr label={t('oidc.groupClaim')} hint={t('oidc.groupClaimHint')} placeholder="groups" />
    </>
  )
}

function LdapFields({ isNew }: { isNew: boolean }) {
  const { t } = useTranslation('identityProviders')
  return (
    <>
      {isNew && <TextInput name="ldap.url" ltr inputMode="url" label={t('ldap.url')} hint={`${t('ldap.urlHint')} ${t('neverChanges')}`} placeholder="ldaps://ldap.example.org" />}
      <SwitchInput name="ldap.start_tls" label={t('ldap.startTls')} hint={t('ldap.startTlsHint')} />
      <TextInput name="ldap.base" ltr label={t('ldap.base')} hint={t('ldap.baseHint')} placeholder="ou=people,dc=example,dc=org" />
      <TextInput name="ldap.filter" ltr label={t('ldap.filter')} hint={t('ldap.filterHint', { login: '{login}' })} />
      <TextInput name="ldap.bind_dn" ltr label={t('ldap.bindDn')} hint={t('ldap.bindDnHint')} autoComplete="off" />
      <TextInput name="ldap.login_attribute" ltr label={t('ldap.login')} hint={t('ldap.loginHint')} />
      <TextInput name="ldap.subject_attribute" ltr label={t('ldap.subject')} hint={t('ldap.subjectHint')} />
      <TextInput name="ldap.group_attribute" ltr label={t('ldap.group')} hint={t('ldap.groupHint')} placeholder="memberOf" />
    </>
  )
}

function GroupRoles({ roles }: { roles: readonly (readonly [string, string])[] }) {
  const { t } = useTranslation('identityProviders')
  const { control } = useFormContext<ProviderValues>()
  const { fields, append, remove } = useFieldArray({ control, name: 'group_roles' })
  return (
    <Stack component="fieldset" sx={{ border: 0, m: 0, p: 0, gap: 1.5 }}>
      <Typography component="legend" variant="body2" color="text.secondary" sx={{ mb: 1 }}>
        {t('groups.lead')}
      </Typography>
      {fields.map(({ id }, place) => (
        <Stack key={id} direction="row" sx={{ gap: 1, alignItems: 'flex-start' }}>
          <TextInput name={`group_roles.${place}.group`} label={t('groups.group')} autoComplete="off" />
          <SelectInput name={`group_roles.${place}.role`} label={t('groups.role')} options={roles} />
          <IconAction label={t('groups.remove', { place: place + 1 })} icon={<Delete fontSize="small" />} onRun={() => remove(place)} />
        </Stack>
      ))}
      <div>
        <Button startIcon={<Add />} onClick={() => append({ group: '', role: 'member' })}>
          {t('groups.add')}
        </Button>
      </div>
    </Stack>
  )
}
