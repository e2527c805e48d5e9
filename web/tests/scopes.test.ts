import { expect, test } from 'vitest'

import { actionWords, byNoun } from '../src/api/action-words'
import { endOf } from '../src/features/api-tokens/lifetime'
import { findScopes, scopesOf, toggled } from '../src/features/api-tokens/scopes'

test.each([
  ['device_create', 'device', 'create'],
  ['node_network_delete', 'node_network', 'delete'],
  ['node_delete', 'node', 'delete'],
  ['webhook_delivery_list', 'webhook_delivery', 'list'],
  ['webhook_redeliver', 'webhook_delivery', 'redeliver'],
  ['settings_mail_test', 'settings', 'mail_test'],
])('%s is about %s and does %s', (action, noun, verb) => {
  expect(actionWords(action)).toEqual({ noun, verb })
})

test('operations of one noun stand together', () => {
  expect(byNoun(['node_list', 'device_list', 'node_get'])).toEqual([['node', ['node_list', 'node_get']], ['device', ['device_list']]])
})

test('a role is offered only what it reaches', () => {
  expect(scopesOf('member')).toContain('device_list')
  expect(scopesOf('member')).not.toContain('settings_update')
  expect(scopesOf('owner')).not.toContain('all')
})

test('scopes are found by every word, of the id or of the name', () => {
  const found = findScopes(['device_list', 'device_reveal', 'network_list'], 'geräte list', (scope) => (scope.startsWith('device') ? 'Geräte' : 'Netze'))

  expect(found).toEqual([['device', ['device_list']]])
})

test('a group is ticked and taken out as a whole', () => {
  expect(toggled(['me_get', 'node_list'], ['node_list', 'node_get'], true)).toEqual(['me_get', 'node_list', 'node_get'])
  expect(toggled(['me_get', 'node_list'], ['node_list', 'node_get'], false)).toEqual(['me_get'])
})

test('a token ends after its lifetime, at a date, or never', () => {
  expect(endOf('30', '', 0)).toBe('1970-01-31T00:00:00.000Z')
  expect(endOf('own', '2027-01-31T00:00:00.000Z', 0)).toBe('2027-01-31T00:00:00.000Z')
  expect(endOf('never', '', 0)).toBeNull()
})
