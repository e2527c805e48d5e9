// The fields of a user, for making one and for changing one.

import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { manages } from '../../api/access'
import type { Role, Schema, User } from '../../api/types'
import { MomentInput, SelectInput, TextInput } from '../../form/fields'
import { bytesOf, gbOf, numberOf, optionalNumber, textOf } from '../../form/values'
import { LETTER_LANGUAGES } from '../../i18n/letter-languages'
import { useMe } from '../../session/use-me'

export const ROLES: Role[] = ['owner', 'admin', 'operator', 'support', 'auditor', 'member']

export type UserValues = z.infer<ReturnType<typeof userSchema>>

/** The server's rules as far as they help while typing; `domain/user.rs` decides. */
export function userSchema(t: (key: string) => string) {
  return z.object({
    login: z.string().trim().min(1, t('form.needed')).max(64),
    display_name: z.string().max(128),
    email: z.string(),
    language: z.string(),
    role: z.enum(['owner', 'admin', 'operator', 'support', 'auditor', 'member']),
    password: z.string(),
    device_limit: optionalNumber(t('form.number')),
    data_limit_bytes: optionalNumber(t('form.number')),
    expires_at: z.string(),
  })
}

export function valuesOf(user: User | undefined): UserValues {
  return {
    login: user?.login ?? '',
    display_name: user?.display_name ?? '',
    email: user?.email ?? '',
    language: user?.language ?? '',
    role: user?.role ?? 'member',
    password: '',
    device_limit: user?.device_limit?.toString() ?? '',
    data_limit_bytes: gbOf(user?.data_limit_bytes),
    expires_at: user?.expires_at ?? '',
  }
}

/** What the API takes of it, but for the password, which is set at the start only. */
export function bodyOf(values: UserValues): Required<Schema<'UpdateUser'>> {
  return {
    login: values.login.trim(),
    display_name: values.display_name.trim(),
    email: textOf(values.email),
    language: textOf(values.language) as Schema<'Language'> | null,
    role: values.role,
    device_limit: numberOf(values.device_limit),
    data_limit_bytes: bytesOf(values.data_limit_bytes),
    expires_at: textOf(values.expires_at),
  }
}

export function UserFields({ isNew = false, current }: { isNew?: boolean; current?: Role }) {
  const { t } = useTranslation(['users', 'common'])
  const me = useMe()
  return (
    <>
      <TextInput name="login" label={t('field.login')} hint={t('hint.login')} autoFocus autoComplete="off" />
      <TextInput name="display_name" label={t('field.displayName')} hint={t('hint.displayName')} />
      <SelectInput
        name="role"
        label={t('field.role')}
        hint={t('hint.role')}
        options={ROLES.filter((each) => each === current || manages(me.role, each)).map((each) => [each, t(`common:role.${each}`)] as const)}
      />
      {isNew && <TextInput name="password" type="password" label={t('field.password')} hint={t('hint.password')} autoComplete="new-password" />}
      <TextInput name="email" inputMode="email" label={t('field.email')} hint={t('hint.email')} />
      <SelectInput name="language" label={t('field.language')} none={t('languageOfService')} options={LETTER_LANGUAGES} />
      <TextInput name="device_limit" inputMode="numeric" label={t('field.deviceLimit')} hint={t('hint.noLimit')} />
      <TextInput name="data_limit_bytes" inputMode="decimal" end="GB" label={t('field.dataLimit')} hint={t('hint.noLimit')} />
      <MomentInput name="expires_at" label={t('field.expires')} hint={t('hint.expires')} />
    </>
  )
}
