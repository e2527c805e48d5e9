import { expect, test } from 'vitest'

import { matching, pagesAndActs } from '../src/app/palette/entries'

const words = (key: string) => ({ 'nav.users': 'Geräte und Nutzer', 'palette.newUser': 'Neuer Benutzer' })[key] ?? key

test('a member is offered no act that only operators may do', () => {
  const ids = pagesAndActs('member', words).flatMap(({ entries }) => entries.map(({ id }) => id))

  expect(ids).not.toContain('act-newUser')
  expect(ids).toContain('page-account')
})

test('an owner is offered pages and acts', () => {
  const ids = pagesAndActs('owner', words).flatMap(({ entries }) => entries.map(({ id }) => id))

  expect(ids).toEqual(expect.arrayContaining(['page-home', 'page-users', 'act-newUser']))
})

test('words are found without their accents and in any order', () => {
  const found = matching(pagesAndActs('owner', words), 'nutzer gerate', 'de')

  expect(found).toEqual([{ key: 'pages', entries: [{ id: 'page-users', text: 'Geräte und Nutzer', to: '/users' }] }])
})

test('nothing is offered where nothing fits', () => {
  expect(matching(pagesAndActs('owner', words), 'zzz', 'en')).toEqual([])
})
