// What the pages behind links ask of the API. Without cookies: who opens such a link acts as nobody, also where somebody is
// signed in in this browser.

import { api, take } from '../../api/client'
import type { Schema } from '../../api/types'

const credentials = 'omit'

export const redeemLink = (token: string) => take(api.POST('/links/redeem', { body: { token }, credentials }))
export const redeemInvite = (body: Schema<'RedeemInvite'>) => take(api.POST('/invites/redeem', { body, credentials }))
export const redeemReset = (body: Schema<'RedeemReset'>) => take(api.POST('/password-resets/redeem', { body, credentials }))
export const askForReset = (login: string) => take(api.POST('/password-resets', { body: { login }, credentials }))
