import { expect, test } from 'vitest'

import { stateOf } from '../src/features/users/user-state.ts'

test('an account whose time is over is expired, not disabled', () => {
  expect(stateOf({ state: 'disabled', disabled: false })).toBe('expired')
})

test('an account that somebody disabled is disabled, whatever its time', () => {
  expect(stateOf({ state: 'disabled', disabled: true })).toBe('disabled')
})

test('a deleted account is nothing else', () => {
  expect(stateOf({ state: 'active', disabled: false, deleted_at: '2026-01-01T00:00:00Z' })).toBe('deleted')
})
