// Between the form of an identity provider and what the API takes. OIDC and LDAP lie side by side in the form, so that
// changing one's mind loses nothing; only the chosen one is sent.

import { z } from 'zod'

import type { Schema } from '../../api/types'
import { numberOf, optionalNumber, textOf } from '../../form/values'
import type { IdentityProvider } from './queries'

const role = z.enum(['owner', 'admin', 'operator', 'support', 'auditor', 'member'])

export function providerSchema(t: (key: string) => string) {
  return z.object({
    kind: z.enum(['oidc', 'ldap']),
    name: z.string().trim().min(1, t('form.needed')).max(64),
    enabled: z.boolean(),
    secret: z.string(),
    drop_secret: z.boolean(),
    ca: z.string(),
    allow_sign_up: z.boolean(),
    default_role: role,
    device_limit: optionalNumber(t('form.number')),
    group_roles: z.array(z.object({ group: z.string().trim().min(1, t('form.needed')), role })),
    oidc: z.object({ issuer: z.string(), client_id: z.string(), scopes: z.string(), group_claim: z.string() }),
    ldap: z.object({
      url: z.string(), start_tls: z.boolean(), base: z.string(), bind_dn: z.string(), filter: z.string(),
      login_attribute: z.string(), subject_attribute: z.string(), group_attribute: z.string(),
    }),
  })
}

export type ProviderValues = z.infer<ReturnType<typeof providerSchema>>

export function valuesOf(provider: IdentityProvider | undefined): ProviderValues {
  const { oidc, ldap } = provider ?? {}
  return {
    kind: ldap ? 'ldap' : 'oidc',
    name: provider?.name ?? '',
    enabled: provider?.enabled ?? true,
    secret: '',
    drop_secret: false,
    ca: provider?.ca ?? '',
    allow_sign_up: provider?.allow_sign_up ?? false,
    default_role: provider?.default_role ?? 'member',
    device_limit: provider?.device_limit?.toString() ?? '',
    group_roles: provider?.group_roles ?? [],
    oidc: { issuer: oidc?.issuer ?? '', client_id: oidc?.client_id ?? '', scopes: oidc?.scopes ?? 'profile email', group_claim: oidc?.group_claim ?? '' },
    ldap: {
      url: ldap?.url ?? '', start_tls: ldap?.start_tls ?? false, base: ldap?.base ?? '', bind_dn: ldap?.bind_dn ?? '', filter: ldap?.filter ?? '(&(objectClass=person)(uid={login}))',
      login_attribute: ldap?.login_attribute ?? 'uid', subject_attribute: ldap?.subject_attribute ?? 'entryUUID', group_attribute: ldap?.group_attribute ?? '',
    },
  }
}

export function bodyOf(values: ProviderValues): Schema<'UpdateIdentityProvider'> & { name: string } {
  const { oidc, ldap } = values
  return {
    name: values.name.trim(),
    enabled: values.enabled,
    ca: textOf(values.ca),
    allow_sign_up: values.allow_sign_up,
    default_role: values.default_role,
    device_limit: numberOf(values.device_limit),
    group_roles: values.group_roles.map((row) => ({ group: row.group.trim(), role: row.role })),
    ...(values.kind === 'oidc'
      ? { oidc: { issuer: oidc.issuer.trim(), client_id: oidc.client_id.trim(), scopes: oidc.scopes.trim(), group_claim: textOf(oidc.group_claim) } }
      : {
          ldap: {
            url: ldap.url.trim(), start_tls: ldap.start_tls, base: ldap.base.trim(), bind_dn: textOf(ldap.bind_dn), filter: ldap.filter.trim(),
            login_attribute: ldap.login_attribute.trim(), subject_attribute: ldap.subject_attribute.trim(), group_attribute: textOf(ldap.group_attribute),
          },
        }),
    // What is not shown is left out, which keeps it.
    ...(values.drop_secret ? { secret: null } : values.secret === '' ? {} : { secret: values.secret }),
  }
}
