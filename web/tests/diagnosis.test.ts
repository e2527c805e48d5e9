// Holds the words of diagnoses to what the server can find.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import i18next from 'i18next'
import { expect, test } from 'vitest'

import { findings, openapi } from '../generate.js'
import type { Schema } from '../src/api/types'
import { findingOf, shownValues } from '../src/features/devices/finding'
import { LANGUAGES } from '../src/i18n'
import { formats } from '../src/lib/format'

type Check = Schema<'CheckView'>
interface Words { found: Record<string, string>; fix: Record<string, string> }

const wordsOf = (language: string): Words =>
  JSON.parse(readFileSync(resolve(import.meta.dirname, `../src/i18n/locales/${language}/diagnosis.json`), 'utf8')) as Words
const known = findings()
const codes = (openapi() as unknown as { components: { schemas: { CheckCode: { enum: string[] } } } }).components.schemas.CheckCode.enum

test.each(Object.keys(LANGUAGES))('everything that the API can find has words in %s, and a way out where the server has one', (language) => {
  const { found, fix } = wordsOf(language)

  expect(Object.keys(found).toSorted()).toEqual(codes.toSorted())
  expect(Object.keys(fix).toSorted()).toEqual(known.filter((each) => each.fix !== null).map(({ code }) => code).toSorted())
})

test('in English the panel says what the server says', () => {
  const { found, fix } = wordsOf('en')
  const asTemplate = (text: string) => text.replaceAll(/\{(\w+)\}/g, '{{$1}}')

  for (const each of known) {
    expect(found[each.code]).toBe(asTemplate(each.found))
    if (each.fix !== null) expect(fix[each.code]).toBe(asTemplate(each.fix))
  }
})

test('times and sizes are written as the reader writes them, and technical texts keep their direction', () => {
  const german = formats('de')
  const at = '2026-01-31T12:00:00Z'

  expect(shownValues({ seen_at: at, rx_bytes: '1500000', keepalive_s: '25', endpoint: '[2001:db8::1]:51820' }, german)).toEqual({
    seen_at: german.dateTime(at), rx_bytes: german.bytes(1_500_000), keepalive_s: '25', endpoint: '\u2066[2001:db8::1]:51820\u2069',
  })
})

test('what this page has no words for is said in those of the server', async () => {
  await i18next.init({ lng: 'en', resources: {}, ns: ['diagnosis'], interpolation: { escapeValue: false } })
  const check = { name: 'mtu', outcome: 'warn', code: 'mtu_large', values: { mtu: '1500' }, detail: 'As the server says.', fix: 'Do it.' } satisfies Check
  const newer = JSON.parse(JSON.stringify({ ...check, code: 'mtu_strange' })) as Check

  expect(findingOf(check, i18next.t, formats('en'))).toMatchObject({ isForeign: false, found: expect.stringContaining('may have 1500 bytes') as string })
  expect(findingOf(newer, i18next.t, formats('en'))).toEqual({ isForeign: true, found: 'As the server says.', fix: 'Do it.' })
})
