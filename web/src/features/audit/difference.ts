// What an event changed, field by field.

export interface Line {
  /** As `limits.devices`. */
  field: string
  kind: 'added' | 'removed' | 'changed' | 'same'
  before: unknown
  after: unknown
}

type Thing = Record<string, unknown> | null | undefined

/** Lists are compared whole: an order that changed is a change. */
export function difference(before: Thing, after: Thing): Line[] {
  const [was, is] = [flat(before), flat(after)]
  return [...new Set([...was.keys(), ...is.keys()])].map((field) => {
    const [a, b] = [was.get(field), is.get(field)]
    const kind = !was.has(field) ? 'added' : !is.has(field) ? 'removed' : JSON.stringify(a) === JSON.stringify(b) ? 'same' : 'changed'
    return { field, kind, before: a, after: b }
  })
}

function flat(thing: Thing, prefix = ''): Map<string, unknown> {
  const fields = new Map<string, unknown>()
  for (const [key, value] of Object.entries(thing ?? {})) {
    if (isThing(value) && Object.keys(value).length > 0) for (const [field, inner] of flat(value, `${prefix}${key}.`)) fields.set(field, inner)
    else fields.set(prefix + key, value)
  }
  return fields
}

function isThing(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value as a reader sees it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'string') return value
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value.join(', ') || '–' : JSON.stringify(value)
}
