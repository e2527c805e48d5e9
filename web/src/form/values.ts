// Between what a form holds (texts) and what the API takes.

import { z } from 'zod'

/** Gigabytes as typed, to bytes. Decimal ones, as providers count them. */
export const BYTES_PER_GB = 1_000_000_000

export function gbOf(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return ''
  // Never with an exponent, which nobody types and the forms refuse; nine places are single bytes.
  return (bytes / BYTES_PER_GB).toFixed(9).replace(/\.?0+$/, '')
}

export function bytesOf(gb: string): number | null {
  return gb.trim() === '' ? null : Math.round(Number(gb) * BYTES_PER_GB)
}

export function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text)
}

export function textOf(text: string): string | null {
  return text.trim() === '' ? null : text.trim()
}

/** Words of a list as people write them: with commas, spaces or lines between. */
export function listOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '')
}

/** A number that may be left out, as text. */
export function optionalNumber(message: string): z.ZodString {
  return z.string().regex(/^\s*(\d+([.]\d+)?)?\s*$/, message)
}

/** What of an answer differs from what was there: a PATCH says nothing else. */
export function changed<Body extends object>(before: Body, after: Body): Partial<Body> {
  const keys = Object.keys(after) as (keyof Body)[]
  return Object.fromEntries(
    keys.filter((key) => JSON.stringify(after[key]) !== JSON.stringify(before[key])).map((key) => [key, after[key]]),
  ) as Partial<Body>
}

/** A list as text, a line for each; `listOf` reads it again. */
export function linesOf(list: readonly string[] | null | undefined): string {
  return (list ?? []).join('\n')
}

/** The names of all fields of a form, as `smtp.host` and `rows.0.role`. A list of words is one field. */
export function namesOf(values: object, prefix = ''): string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const inside = typeof value === 'object' && value !== null && !(Array.isArray(value) && value.every((each) => typeof each !== 'object'))
    return inside ? namesOf(value, `${prefix}${key}.`) : [prefix + key]
  })
}
