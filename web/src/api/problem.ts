// What the server says when it refuses (RFC 9457), as an error that forms and pages can show.

export interface FieldFault {
  pointer?: string
  parameter?: string
  header?: string
  detail: string
}

/** The code of what wants a fresh proof that it is still the same person. */
export const STEP_UP = 'step_up_required'

/** Whether somebody was asked for that proof and would rather not: they know it, and need no message. */
export function isUnproved(error: unknown): boolean {
  return error instanceof ApiProblem && error.code === STEP_UP
}

/** A refusal of the API, or an answer that no CasperVPN server wrote. */
export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string
  readonly faults: readonly FieldFault[]
  /** Seconds after which it may be tried again, where the server said so. */
  readonly retryAfterS: number | undefined

  constructor(response: Response, body: unknown) {
    const record = isRecord(body) ? body : {}
    super(text(record['detail']) || text(record['title']) || `The server answered ${response.status}.`)
    this.name = 'ApiProblem'
    this.status = response.status
    this.code = text(record['code'])
    this.requestId = text(record['request_id']) || (response.headers.get('x-request-id') ?? '')
    this.faults = Array.isArray(record['errors']) ? record['errors'].filter(isFault) : []
    this.retryAfterS = Number(response.headers.get('retry-after')) || undefined
  }
}

/** The field a fault belongs to: its own, or the one it lies inside of, as `/network/dns/1` in `network.dns`. */
export function fieldOf(pointer: string, known: readonly string[]): string | undefined {
  const path = pointer.replace(/^#?\//, '').replaceAll('/', '.')
  return known
    .filter((field) => path === field || path.startsWith(`${field}.`))
    .toSorted((a, b) => b.length - a.length)[0]
}

function isFault(value: unknown): value is FieldFault {
  return isRecord(value) && typeof value['detail'] === 'string'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
