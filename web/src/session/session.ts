// Who is signed in here. The session's secret is in a cookie that no script can read; a page knows only the account and
// the proof that goes with its changes.

import { queryOptions } from '@tanstack/react-query'

import { api, setCsrfToken, setDoorkeeper, take } from '../api/client'
import { ApiProblem } from '../api/problem'
import type { Me, Schema } from '../api/types'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async (): Promise<Me> => {
    const me = await take(api.GET('/me'))
    setCsrfToken(me.csrf_token ?? undefined)
    return me
  },
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: () => take(api.GET('/setup')),
  staleTime: 60_000,
})

/** Who may vouch for people here, as anybody may know. */
export const providersQuery = queryOptions({
  queryKey: ['sign-in', 'providers'],
  queryFn: () => take(api.GET('/sign-in/providers')),
})

export type SecondFactor = Schema<'SecondFactorView'>
type Tokens = Schema<'TokensView'>

/** How far a sign-in has come: a cookie is there, or a second factor is asked for. */
export type Step = { kind: 'done'; enrolmentRequired: boolean } | { kind: 'second'; question: SecondFactor }

export async function signIn(login: string, password: string): Promise<Step> {
  return next(await take(api.POST('/sessions', { body: { login, password } })))
}

export async function answerByCode(challenge: string, code: string): Promise<Step> {
  return next(await take(api.POST('/sessions/second-factor', { body: { challenge, code } })))
}

/** Signs in by a passkey: alone, or as the second factor that was asked for. */
export async function signInByPasskey(question?: SecondFactor): Promise<Step> {
  const { challenge, options } = question
    ? { challenge: question.challenge, options: question.passkey_options }
    : await take(api.POST('/sessions/passkey/begin'))
  const credential = await askPasskey(options)
  return next(await take(api.POST('/sessions/passkey', { body: { challenge, credential } })))
}

/** After an identity provider sent the browser back. */
export async function finishAtProvider(): Promise<Step> {
  return next(await take(api.POST('/sign-in/finish')))
}

async function next(answer: Tokens | SecondFactor): Promise<Step> {
  if ('challenge' in answer) return { kind: 'second', question: answer }
  const browser = await take(
    api.POST('/sessions/cookie', { headers: { Authorization: `Bearer ${answer.access_token}` } }),
  )
  setCsrfToken(browser.csrf_token)
  return { kind: 'done', enrolmentRequired: answer.mfa_enrolment_required }
}

/**
 * A session that has ended already is as good as signed out: nobody is asked to sign in for that. It is read first which
 * one this browser holds by now, as somebody may have signed in again in another tab.
 */
export async function signOut(): Promise<void> {
  const doorkeeper = setDoorkeeper(undefined)
  try {
    const me = await take(api.GET('/me'))
    setCsrfToken(me.csrf_token ?? undefined)
    if (me.session_id) await take(api.DELETE('/sessions/{id}', { params: { path: { id: me.session_id } } }))
  } catch (error) {
    if (error instanceof ApiProblem && (error.status === 401 || error.status === 404)) return
    setDoorkeeper(doorkeeper)
    throw error
  }
}

/** Lets the browser show its passkeys, and gives their answer as the API takes it. */
export async function askPasskey(options: unknown): Promise<Record<string, unknown>> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(publicKeyOf(options) as PublicKeyCredentialRequestOptionsJSON)
  return answerOf(await navigator.credentials.get({ publicKey }))
}

/** Lets the browser make a passkey. */
export async function makePasskey(options: unknown): Promise<Record<string, unknown>> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(publicKeyOf(options) as PublicKeyCredentialCreationOptionsJSON)
  return answerOf(await navigator.credentials.create({ publicKey }))
}

export function knowsPasskeys(): boolean {
  return typeof PublicKeyCredential === 'function' && 'parseRequestOptionsFromJSON' in PublicKeyCredential
}

function publicKeyOf(options: unknown): unknown {
  return typeof options === 'object' && options !== null && 'publicKey' in options ? options.publicKey : options
}

function answerOf(credential: Credential | null): Record<string, unknown> {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('The browser gave no passkey.')
  return { ...credential.toJSON() }
}
