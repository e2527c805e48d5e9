import { expect, test } from 'vitest'

import { difference, shown } from '../src/features/audit/difference'
import type { Verification } from '../src/features/audit/queries'
import { targetPath } from '../src/features/audit/target'
import { verifyAll } from '../src/features/audit/verify'

test('a difference tells what was added, removed, changed and left', () => {
  expect(difference({ name: 'a', old: 1, same: true }, { name: 'b', new: 2, same: true })).toEqual([
    { field: 'name', kind: 'changed', before: 'a', after: 'b' },
    { field: 'old', kind: 'removed', before: 1, after: undefined },
    { field: 'same', kind: 'same', before: true, after: true },
    { field: 'new', kind: 'added', before: undefined, after: 2 },
  ])
})

test('fields inside of fields are told apart', () => {
  expect(difference({ limits: { devices: 1, data: 2 } }, { limits: { devices: 3, data: 2 } })).toMatchObject([
    { field: 'limits.devices', kind: 'changed' },
    { field: 'limits.data', kind: 'same' },
  ])
})

test('what was made has no before, what was deleted no after', () => {
  expect(difference(null, { name: 'a' })).toMatchObject([{ kind: 'added' }])
  expect(difference({ name: 'a' }, undefined)).toMatchObject([{ kind: 'removed' }])
})

test('a list in another order is a change', () => {
  expect(difference({ dns: ['a', 'b'] }, { dns: ['b', 'a'] })).toMatchObject([{ field: 'dns', kind: 'changed' }])
})

test.each([
  [null, '–'], ['', '–'], [[], '–'], [false, 'false'], [['a', 'b'], 'a, b'], [[{ group: 'x' }], '[{"group":"x"}]'],
])('%j is shown as %s', (value, text) => {
  expect(shown(value)).toBe(text)
})

test('a thing with a page is linked, another is not', () => {
  expect(targetPath('device', 'd1')).toBe('/devices/d1')
  expect(targetPath('settings', null)).toBe('/settings')
  expect(targetPath('session', 's1')).toBeUndefined()
})

const PART: Verification = { intact: true, more: true, events: 10, segments: 2, pruned_segments: 1, unsealed_events: 0, checked_to: 2 }

test('a check goes on from part to part and adds up', async () => {
  const asked: (number | undefined)[] = []
  const parts = [PART, { ...PART, checked_to: 4 }, { ...PART, more: false, checked_to: 6, digest: 'd' }]

  const sum = await verifyAll(async (after) => (asked.push(after), parts[asked.length - 1] ?? PART), () => {})

  expect(asked).toEqual([undefined, 2, 4])
  expect(sum).toMatchObject({ events: 30, segments: 6, pruned_segments: 3, digest: 'd', intact: true })
})

test('a check stops at the first fault', async () => {
  const broken: Verification = { ...PART, intact: false, fault: { kind: 'event_changed', detail: 'event 5 was changed' } }

  expect(await verifyAll(async () => broken, () => {})).toMatchObject({ intact: false, events: 10 })
})
