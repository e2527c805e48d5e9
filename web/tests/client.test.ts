import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { api, at, atRevision, changeSession, setCsrfToken, setDoorkeeper, take } from '../src/api/client'
import { ApiProblem, fieldOf } from '../src/api/problem'
import { signOut } from '../src/session/session'

let answers: Response[]
let seen: { method: string; url: string; csrf: string | null; match: string | null; body: string }[]

beforeEach(() => {
  answers = []
  seen = []
  vi.stubGlobal('fetch', async (request: Request) => {
    seen.push({
      method: request.method,
      url: new URL(request.url).pathname,
      csrf: request.headers.get('x-csrf-token'),
      match: request.headers.get('if-match'),
      body: await request.text(),
    })
    return answers.shift() ?? new Response('{}', { status: 200 })
  })
  setCsrfToken('first')
})
afterEach(() => {
  vi.unstubAllGlobals()
  setDoorkeeper(undefined)
  setCsrfToken(undefined)
})

function refusal(status: number, code: string): Response {
  const body = { status, code, title: 'x', detail: 'that is not so', type: 'urn:x', request_id: 'r1', errors: [] }
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json' } })
}

test('a change carries the proof and the revision that was read, a read carries neither', async () => {
  await take(api.GET('/users/{id}', at('u1')))
  await take(api.PATCH('/users/{id}', { ...atRevision({ id: 'u1', revision: 7 }), body: { display_name: 'Ada' } }))

  expect(seen.map(({ csrf }) => csrf)).toEqual([null, 'first'])
  expect(seen[1]).toMatchObject({ method: 'PATCH', url: '/api/v1/users/u1', match: '"7"', body: '{"display_name":"Ada"}' })
})

test('a session that ended in the middle of a change is asked for, and the same change is sent again with the new proof', async () => {
  answers = [refusal(401, 'unauthenticated'), new Response('{"id":"u1"}', { status: 201 })]
  setDoorkeeper({
    signIn: async () => {
      setCsrfToken('second')
      return true
    },
    prove: async () => false,
    renew: async () => false,
    enrol: () => {},
  })

  const made = await take(api.POST('/users', { body: { login: 'ada', role: 'member' } }))

  expect(made).toEqual({ id: 'u1' })
  expect(seen.map(({ csrf, body }) => [csrf, body])).toEqual([
    ['first', '{"login":"ada","role":"member"}'],
    ['second', '{"login":"ada","role":"member"}'],
  ])
})

test('an act that wants a fresh proof is repeated once it was given, and refused where it was not', async () => {
  answers = [refusal(403, 'step_up_required'), new Response('{}', { status: 200 }), refusal(403, 'step_up_required')]
  let willing = true
  setDoorkeeper({ enrol: () => {}, renew: async () => false, signIn: async () => false, prove: async () => willing })

  await take(api.POST('/users/{id}/disable-mfa', at('u1')))
  willing = false
  const refused = take(api.POST('/users/{id}/disable-mfa', at('u1')))

  await expect(refused).rejects.toMatchObject({ status: 403, code: 'step_up_required', requestId: 'r1' })
  expect(seen).toHaveLength(3)
})

test('a wrong password is an answer to the form, not the end of a session', async () => {
  answers = [refusal(401, 'unauthenticated')]
  const signIn = vi.fn(async () => true)
  setDoorkeeper({ signIn, prove: async () => true, renew: async () => false, enrol: () => {} })

  await expect(take(api.POST('/sessions', { body: { login: 'ada', password: 'wrong' } }))).rejects.toBeInstanceOf(ApiProblem)

  expect(signIn).not.toHaveBeenCalled()
})

test('what no CasperVPN server wrote is still told as a sentence', async () => {
  answers = [new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'retry-after': '7' } })]

  await expect(take(api.GET('/users'))).rejects.toMatchObject({ message: 'The server answered 502.', retryAfterS: 7 })
})

test('a fault belongs to the innermost field that is known', () => {
  expect(fieldOf('/network/dns/1', ['network', 'network.dns'])).toBe('network.dns')
  expect(fieldOf('#/login', ['login'])).toBe('login')
  expect(fieldOf('/loginname', ['login'])).toBeUndefined()
})

test('while a page trades its session itself, what fails waits for that and asks nobody', async () => {
  const signIn = vi.fn(async () => true)
  setDoorkeeper({ signIn, prove: async () => true, renew: async () => false, enrol: () => {} })
  let resolve: (done: boolean) => void = () => {}
  changeSession(new Promise<boolean>((end) => (resolve = end)))
  answers = [refusal(401, 'unauthenticated'), new Response('{"login":"ada"}')]

  const me = take(api.GET('/me'))
  await vi.waitFor(() => expect(seen).toHaveLength(1))
  setCsrfToken('second')
  resolve(true)

  expect(await me).toEqual({ login: 'ada' })
  expect(signIn).not.toHaveBeenCalled()

  answers = [refusal(401, 'unauthenticated')]
  await take(api.GET('/me'))
  expect(signIn).toHaveBeenCalledOnce()
})

test('who must make a second factor first is led there', async () => {
  const enrol = vi.fn()
  setDoorkeeper({ signIn: async () => true, prove: async () => true, renew: async () => false, enrol })
  answers = [refusal(403, 'mfa_enrolment_required')]

  await expect(take(api.GET('/users'))).rejects.toMatchObject({ code: 'mfa_enrolment_required' })

  expect(enrol).toHaveBeenCalledOnce()
})

test('a proof that became old in another tab is read anew, and the change is sent once more', async () => {
  answers = [refusal(403, 'csrf'), new Response('{"id":"u1"}', { status: 201 })]
  const renew = vi.fn(async () => {
    setCsrfToken('second')
    return true
  })
  setDoorkeeper({ signIn: async () => false, prove: async () => false, renew, enrol: () => {} })

  expect(await take(api.POST('/users', { body: { login: 'ada', role: 'member' } }))).toEqual({ id: 'u1' })

  expect(seen.map(({ csrf, body }) => [csrf, body])).toEqual([
    ['first', '{"login":"ada","role":"member"}'],
    ['second', '{"login":"ada","role":"member"}'],
  ])
})

test('a change is not sent again as somebody else, nor again and again', async () => {
  answers = [refusal(403, 'csrf')]
  let same = false
  setDoorkeeper({ signIn: async () => false, prove: async () => false, renew: async () => same, enrol: () => {} })

  await expect(take(api.POST('/users/{id}/disable-mfa', at('u1')))).rejects.toMatchObject({ code: 'csrf' })
  expect(seen).toHaveLength(1)

  same = true
  answers = [refusal(403, 'csrf'), refusal(403, 'csrf')]
  await expect(take(api.POST('/users/{id}/disable-mfa', at('u1')))).rejects.toMatchObject({ code: 'csrf' })
  expect(seen).toHaveLength(3)
})

test('an act with an old proof that wants a fresh one too gets both', async () => {
  answers = [refusal(403, 'csrf'), refusal(403, 'step_up_required')]
  const prove = vi.fn(async () => true)
  setDoorkeeper({ signIn: async () => false, prove, renew: async () => true, enrol: () => {} })

  await take(api.POST('/users/{id}/disable-mfa', at('u1')))

  expect(seen).toHaveLength(3)
  expect(prove).toHaveBeenCalledOnce()
})

test('signing out ends the session that the browser holds by now, with its proof', async () => {
  answers = [new Response('{"id":"u1","session_id":"s2","csrf_token":"second"}')]

  await signOut()

  expect(seen[1]).toMatchObject({ method: 'DELETE', url: '/api/v1/sessions/s2', csrf: 'second' })
})

test('a session that is gone is signed out of; one that could not be ended is not, and still asks for what it lacks', async () => {
  const signIn = vi.fn(async () => false)
  setDoorkeeper({ signIn, prove: async () => false, renew: async () => false, enrol: () => {} })
  answers = [new Response('{"id":"u1","session_id":"s1"}'), refusal(503, 'unavailable')]
  await expect(signOut()).rejects.toMatchObject({ status: 503 })
  answers = [refusal(401, 'unauthenticated')]
  await expect(take(api.GET('/users'))).rejects.toMatchObject({ status: 401 })
  expect(signIn).toHaveBeenCalledOnce()

  answers = [refusal(401, 'unauthenticated')]
  await signOut()
  expect(signIn).toHaveBeenCalledOnce()
})
