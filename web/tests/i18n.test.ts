// Holds the texts to the pages: every text that a page asks for is there, in every language, with the same gaps to fill.

import { readFileSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

import { LANGUAGES } from '../src/i18n'
import { keysAsked, literalsOf, namespacesOf } from './source-texts'

const SOURCES = resolve(import.meta.dirname, '../src')
const LOCALES = resolve(SOURCES, 'i18n/locales')

const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes('generated') && !name.includes('locales'))
  .map((name) => ({ name, text: readFileSync(resolve(SOURCES, name), 'utf8') }))

function textsOf(language: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const file of readdirSync(resolve(LOCALES, language))) {
    flatten(JSON.parse(readFileSync(resolve(LOCALES, language, file), 'utf8')), `${file.replace('.json', '')}:`, found)
  }
  return found
}

function flatten(value: unknown, prefix: string, into: Map<string, string>): void {
  if (typeof value === 'string') into.set(prefix.replace(/\.$/, ''), value)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, `${prefix}${key}.`, into)
  }
}

const PLURAL = /_(zero|one|two|few|many|other)$/
const withoutForm = (key: string) => key.replace(PLURAL, '')

const english = textsOf('en')
/** Keys as pages name them: forms of a plural are one key. */
const known = new Set([...english.keys()].map(withoutForm))

const SPACES = [...new Set([...known].map((key) => key.slice(0, key.indexOf(':'))))]

test('every text that a page asks for is there', () => {
  const missing = sources.flatMap(({ name, text }) => {
    const spaces = namespacesOf(text, SPACES)
    return keysAsked(text)
      .filter(({ key, open }) => {
        const names = key.includes(':') ? [key] : spaces.map((space) => `${space}:${key}`)
        return open ? !names.some((start) => [...known].some((each) => each.startsWith(start))) : !names.some((each) => known.has(each))
      })
      .map(({ key }) => `${name}: ${key}`)
  })

  expect(missing).toEqual([])
})

test('no text is kept that no page asks for', () => {
  const exact = new Set(sources.flatMap(({ text }) => literalsOf(text).map((literal) => literal.replace(/^\w+:/, ''))))
  // A key that is put together of a beginning and a word, as `state.${state}`.
  const patterns = sources.flatMap(({ text }) => patternsOf(text))

  const unused = [...known].filter((key) => {
    const bare = key.replace(/^\w+:/, '')
    return !exact.has(bare) && !patterns.some((pattern) => pattern.test(bare))
  })

  expect(unused).toEqual([])
})

/** Templates in backquotes that could be keys; one that begins with a gap would fit anything, and says nothing. */
function patternsOf(text: string): RegExp[] {
  return [...text.matchAll(/`(?:\w+:)?([\w.]+(?:\$\{[^`{}]*\}[\w.]*)+)`/g)].map(
    ([, template = '']) => new RegExp(`^${template.split(/\$\{[^}]*\}/).map((part) => part.replaceAll('.', String.raw`\.`)).join('.+')}$`),
  )
}

test.each(Object.keys(LANGUAGES))('%s has the texts of English and no others, in each form of its plurals', (language) => {
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
  const wanted = [...english.keys()].flatMap((key) => (isPlural(key) ? forms.map((form) => `${withoutForm(key)}_${form}`) : [key]))

  expect([...textsOf(language).keys()].toSorted()).toEqual([...new Set(wanted)].toSorted())
})

test.each(Object.keys(LANGUAGES))('texts in %s have the gaps of the English ones', (language) => {
  const wrong = [...textsOf(language)].flatMap(([key, text]) => {
    const model = english.get(key) ?? english.get(`${withoutForm(key)}_other`) ?? ''
    // "One device" may do without its number.
    const gaps = (each: string) => gapsOf(each).filter((gap) => !(isPlural(key) && gap === 'count'))
    return gaps(text).join() === gaps(model).join() ? [] : [`${key}: ${text}`]
  })

  expect(wrong).toEqual([])
})

test.each(Object.keys(LANGUAGES))('no text in %s is empty', (language) => {
  expect([...textsOf(language)].filter(([, text]) => text.trim() === '').map(([key]) => key)).toEqual([])
})

/** Whether it is a form of a plural: `code_other` alone is not, where no `code_one` stands beside it. */
function isPlural(key: string): boolean {
  return PLURAL.test(key) && english.has(`${withoutForm(key)}_one`)
}

function gapsOf(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(\w+)[^}]*\}\}/g)].map(([, name = '']) => name).toSorted()
}
