// The one way to the API. Types come from the server's own OpenAPI document; every refusal becomes an `ApiProblem`.
//
// A session that ends in the middle of work, and an act that wants a fresh proof, are answered here: the doorkeeper asks
// the person, and the request that was refused is sent once more. So no page loses what was typed.

import createClient, { type Middleware } from 'openapi-fetch'

import type { paths } from './generated/schema'
import { ApiProblem, STEP_UP } from './problem'

/** Asks the person for what a request lacked; false means that they would rather not. */
export interface Doorkeeper {
  signIn(): Promise<boolean>
  prove(): Promise<boolean>
  /** Reads the proof of a session that was made in another tab; false where it is somebody else's by now. */
  renew(): Promise<boolean>
  /** Leads to where a second factor is made: nothing else works until there is one. */
  enrol(): void
}

let doorkeeper: Doorkeeper | undefined
let csrfToken: string | undefined
let changing: Promise<boolean> | undefined

/** Answers who stood there before. */
export function setDoorkeeper(value: Doorkeeper | undefined): Doorkeeper | undefined {
  const before = doorkeeper
  doorkeeper = value
  return before
}

/** While a page itself trades one session for the next, what fails for want of one waits for that, and asks nobody. */
export function changeSession(done: Promise<boolean>): void {
  changing = done
  void done.finally(() => {
    if (changing === done) changing = undefined
  })
}

/** The proof that a page of ours acts with the cookie. */
export function setCsrfToken(value: string | undefined): void {
  csrfToken = value
}

const CHANGES = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
const sent = new Map<string, Request>()

const doors: Middleware = {
  onRequest({ request, id }) {
    prove(request)
    // A body can be read once only.
    sent.set(id, request.clone())
    return request
  },
  async onResponse({ response, id, schemaPath }) {
    const request = sent.get(id)
    sent.delete(id)
    if (!request || response.ok || isSigningIn(schemaPath, request.method)) return response
    return goOn(request, response, schemaPath, [])
  },
  onError({ id }) {
    sent.delete(id)
  },
}

/** What was refused did nothing, so it is sent again. Behind an old proof another want may show up; each is asked for once. */
async function goOn(request: Request, refusal: Response, path: string, tried: readonly Way['want'][]): Promise<Response> {
  const way = await wayOn(refusal, path)
  if (!way || tried.includes(way.want) || !(await way.open())) return refusal
  prove(request)
  const answer = await fetch(request.clone())
  return answer.ok ? answer : goOn(request, answer, path, [...tried, way.want])
}

function prove(request: Request): void {
  if (csrfToken && CHANGES.has(request.method)) request.headers.set('X-CSRF-Token', csrfToken)
}

/** Paths where 401 is an answer to what was typed, not the end of a session. */
function isSigningIn(path: string, method: string): boolean {
  if (path.startsWith('/sessions') || path.startsWith('/sign-in') || path.startsWith('/me/step-up')) return method === 'POST'
  return path.startsWith('/setup') || path.endsWith('/redeem') || path === '/password-resets'
}

interface Way {
  want: 'session' | 'csrf' | typeof STEP_UP
  open: () => Promise<boolean>
}

async function wayOn(response: Response, path: string): Promise<Way | undefined> {
  if (!doorkeeper) return undefined
  const { signIn, prove: proveAnew, renew, enrol } = doorkeeper
  // What trades the session cannot wait for its own end.
  const under = path === '/me/password' ? undefined : changing
  if (response.status === 401) return { want: 'session', open: async () => (under ? (await under) || signIn() : signIn()) }
  if (response.status !== 403) return undefined
  const body: unknown = await response.clone().json().catch(() => undefined)
  const { code } = new ApiProblem(response, body)
  if (code === 'mfa_enrolment_required') enrol()
  if (code === 'csrf') return { want: 'csrf', open: renew }
  return code === STEP_UP ? { want: STEP_UP, open: proveAnew } : undefined
}

export const api = createClient<paths>({
  baseUrl: '/api/v1',
  cache: 'no-store',
  credentials: 'same-origin',
  fetch: (request) => fetch(request),
})
api.use(doors)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** What a call answered, or its refusal as an `ApiProblem`. */
export async function take<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call
  if (!response.ok) throw new ApiProblem(response, error)
  return data as T
}

/** The parameters of an act on one thing. */
export function at(id: string): { params: { path: { id: string } } } {
  return { params: { path: { id } } }
}

/** The parameters of a change to one thing as it was read: one that somebody else changed meanwhile is refused. */
export function atRevision({ id, revision }: { id: string; revision: number }) {
  return { params: { path: { id }, header: { 'If-Match': `"${revision}"` } } }
}
