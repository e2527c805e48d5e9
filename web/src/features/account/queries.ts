// What the pages of one's own account ask of the API.

import { queryOptions } from '@tanstack/react-query'

import { api, at, atRevision, take } from '../../api/client'
import type { Me, Schema } from '../../api/types'

export type Mfa = Schema<'MfaView'>
export type Passkey = Schema<'PasskeyView'>
export type Identity = Schema<'IdentityView'>
export type Session = Schema<'SessionView'>

export const usageQuery = queryOptions({ queryKey: ['me', 'usage'], queryFn: () => take(api.GET('/me/usage')) })
export const mfaQuery = queryOptions({ queryKey: ['me', 'mfa'], queryFn: () => take(api.GET('/me/mfa')) })
export const passkeysQuery = queryOptions({ queryKey: ['me', 'passkeys'], queryFn: () => take(api.GET('/me/passkeys')) })
export const identitiesQuery = queryOptions({ queryKey: ['me', 'identities'], queryFn: () => take(api.GET('/me/identities')) })
export const sessionsQuery = queryOptions({ queryKey: ['me', 'sessions'], queryFn: () => take(api.GET('/sessions')) })

export const updateMe = (me: Me, body: Schema<'UpdateMe'>) =>
  take(api.PATCH('/me', { params: { header: atRevision(me).params.header }, body }))

export const setOwnPassword = (body: Schema<'ChangePassword'>) => take(api.POST('/me/password', { body }))
export const deleteMe = (password: string) => take(api.DELETE('/me', { body: { password } }))
export const exportMe = () => take(api.GET('/me/export'))

export const createTotp = () => take(api.POST('/me/mfa/totp'))
export const confirmTotp = (code: string) => take(api.POST('/me/mfa/totp/confirm', { body: { code } }))
export const deleteTotp = () => take(api.DELETE('/me/mfa/totp'))
export const createRecoveryCodes = () => take(api.POST('/me/mfa/recovery-codes'))

export const beginPasskey = () => take(api.POST('/me/passkeys/begin'))
export const createPasskey = (body: Schema<'AddPasskey'>) => take(api.POST('/me/passkeys', { body }))
export const renamePasskey = (passkey: Passkey, name: string) => take(api.PATCH('/me/passkeys/{id}', { ...atRevision(passkey), body: { name } }))
export const deletePasskey = ({ id }: Passkey) => take(api.DELETE('/me/passkeys/{id}', at(id)))

export const linkIdentity = (identity_provider_id: string) => take(api.POST('/me/identities', { body: { identity_provider_id } }))
export const unlinkIdentity = ({ id }: Identity) => take(api.DELETE('/me/identities/{id}', at(id)))

export const endSession = ({ id }: { id: string }) => take(api.DELETE('/sessions/{id}', at(id)))
export const endOtherSessions = () => take(api.POST('/me/sessions/end-others'))
