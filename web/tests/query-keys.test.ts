// Answers are kept under their keys: two questions under one key would be given each other's answers.

import { readFileSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../src')

test('no two questions to the API keep their answers under one key', () => {
  const keys = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) => [...readFileSync(resolve(root, name), 'utf8').matchAll(/queryOptions\(\{\s*queryKey: (\[[^\]]*\])/g)])
    .map(([, key]) => key)
    .toSorted()

  expect(keys).toContain("['networks', 'choices']")
  expect(keys.filter((key, index) => key === keys[index - 1])).toEqual([])
})
