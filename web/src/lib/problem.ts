// Reads problem+json (RFC 9457) and turns it into what a person needs: a sentence, and the faults beside their fields.

export interface Problem {
  status: number
  heading: string
  detail: string
  requestId: string
  fields: Map<string, string>
}

/** Reads any answer that is not a success, also one that no CasperVPN server wrote. */
export async function readProblem(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => undefined)
  const record = isRecord(body) ? body : {}
  const detail = text(record['detail'])
  return {
    status: response.status,
    // The document's own title is the name of its status, which says nothing to the person who fills in a form.
    heading: detail ? 'That did not work.' : `The server answered ${response.status}.`,
    detail,
    requestId: text(record['request_id']) || (response.headers.get('x-request-id') ?? ''),
    fields: fields(record['errors']),
  }
}

function fields(errors: unknown): Map<string, string> {
  const found = new Map<string, string>()
  for (const error of Array.isArray(errors) ? errors : []) {
    if (!isRecord(error)) continue
    const pointer = text(error['pointer']).replace(/^#/, '')
    const detail = text(error['detail'])
    if (pointer && detail) found.set(pointer, found.has(pointer) ? `${found.get(pointer)} ${detail}` : detail)
  }
  return found
}

/** The field a fault belongs to: its own, or the one it lies inside of, as `/network/dns/1` in `/network/dns`. */
export function fieldOf(pointer: string, known: readonly string[]): string | undefined {
  return known.find((field) => pointer === field || pointer.startsWith(`${field}/`))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
