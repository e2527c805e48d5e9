// English texts come in two parts. What stands on a page before the second part is there has to be in the first.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { english } from '../src/i18n/locales/en'
import { englishOfPanel } from '../src/i18n/locales/en-panel'

const SOURCES = resolve(import.meta.dirname, '../src')
const LOCALES = resolve(SOURCES, 'i18n/locales/en')
/** Where people arrive. */
const FIRST = [
  'main.tsx', 'app/shell.tsx', 'app/palette/palette.tsx', 'session/sign-in-page.tsx', 'features/setup/page.tsx', 'features/invites/accept.tsx',
  'features/password/reset.tsx', 'features/password/forgot.tsx', 'features/links/redeem.tsx', 'features/overview/page.tsx',
]

/** A source and all that it imports before it runs. */
function withImports(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found
  found.add(file)
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^'(]*from '(\.[^']+)'/gms)) {
    const at = resolve(dirname(file), name)
    const source = [`${at}.ts`, `${at}.tsx`, `${at}/index.ts`].find((path) => existsSync(path))
    if (source) withImports(source, found)
  }
  return found
}

test('what is shown where people arrive has its texts in the first part', () => {
  const files = FIRST.flatMap((file) => [...withImports(resolve(SOURCES, file))])
  const asked = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    const named = [...text.matchAll(/useTranslation\(([^)]*)\)/g)].flatMap(([, inner = '']) => [...inner.matchAll(/'([\w-]+)'/g)].map(([, name = '']) => name))
    return [...named, ...[...text.matchAll(/\bt\(['`](\w+):/g)].map(([, name = '']) => name)]
  })

  expect(asked).toContain('overview')
  expect([...new Set(asked)].filter((namespace) => !(namespace in english))).toEqual([])
})

test('each text is in one of the parts, but those of diagnoses, which their page brings along', () => {
  const files = readdirSync(LOCALES).map((name) => name.replace('.json', '')).filter((name) => name !== 'diagnosis')

  expect([...Object.keys(english), ...Object.keys(englishOfPanel)].toSorted()).toEqual(files.toSorted())
})
