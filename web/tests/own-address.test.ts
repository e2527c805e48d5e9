import { expect, test } from 'vitest'

import { ownAddress } from '../src/lib/own-address'

const ORIGIN = 'https://vpn.example.org'

test.each([
  ['/devices?state=active#top', '/devices?state=active#top'],
  ['https://vpn.example.org/users', '/users'],
])('%s is an address of the panel', (wanted, path) => {
  expect(ownAddress(wanted, ORIGIN)).toBe(path)
})

test.each(['//evil.example', '/\\evil.example', '/\t/evil.example', 'https://evil.example', 'javascript:alert(1)', 'http://', 'http://vpn.example.org/'])('%j is none', (wanted) => {
  expect(ownAddress(wanted, ORIGIN)).toBeUndefined()
})
