import { expect, test } from 'vitest'

import { stateOf } from '../src/features/users/user-state.ts'

test('an account is what the server says', () => {
  expect(stateOf({ state: 'expired', deleted_at: null })).toBe('expired')
})

test('a deleted account is nothing else', () => {
  expect(stateOf({ state: 'active', deleted_at: '2026-01-01T00:00:00Z' })).toBe('deleted')
})
