import { expect, test } from 'vitest'

import type { Asked } from '../src/api/types'
import { forEach, sift } from '../src/list/bulk'
import { everyRow, toCsv } from '../src/list/csv'
import { bytesOf, changed, gbOf, listOf } from '../src/form/values'

test('every row of a list is fetched, at most 200 at once, with its filters and order', async () => {
  const asked: Asked[] = []
  const pages = [{ items: [1, 2], next: 'a' }, { items: [3], next: null }]
  const rows = await everyRow({ q: 'x', sort: '-name' } as Asked, async (query) => {
    asked.push(query)
    return pages.shift() ?? { items: [] }
  }, () => {})

  expect(rows).toEqual([1, 2, 3])
  expect(asked).toEqual([{ q: 'x', sort: '-name', limit: 200 }, { q: 'x', sort: '-name', limit: 200, after: 'a' }])
})

test('a cell that a spreadsheet would run is text there, and a number stays a number', () => {
  const columns = [{ header: 'name', text: (row: { name: string; bytes: number }) => row.name }, { header: 'bytes', text: (row: { bytes: number }) => row.bytes }]
  const csv = toCsv([{ name: '=HYPERLINK("http://x")', bytes: -5 }, { name: 'a,b\n"c"', bytes: 0 }], columns)

  expect(csv).toBe('\u{feff}name,bytes\r\n"\'=HYPERLINK(""http://x"")",-5\r\n"a,b\n""c""",0\r\n')
})

test('an act on many rows goes on where one is refused, a few at a time', async () => {
  let under = 0
  let most = 0
  const end = await forEach([1, 2, 3, 4, 5, 6, 7, 8, 9], async (row) => {
    under += 1
    most = Math.max(most, under)
    await Promise.resolve()
    under -= 1
    if (row === 4) throw new Error('no')
  })

  expect(end.done.toSorted()).toEqual([1, 2, 3, 5, 6, 7, 8, 9])
  expect(end.failed.map(({ row }) => row)).toEqual([4])
  expect(most).toBeLessThanOrEqual(4)
})

test('what is as wanted already is no part of an act on many, so that undoing it leaves that as it was', async () => {
  const state = new Map([['a', true], ['b', false], ['c', true]])
  const set = (on: boolean) => async (name: string) => state.set(name, on)
  const { meant, already } = sift([...state.keys()], (name) => state.get(name) === true)
  const end = await forEach(meant, set(false))
  await forEach(end.done, set(true))

  expect(end.done).toEqual(['a', 'c'])
  expect(already).toBe(1)
  expect([...state.values()]).toEqual([true, false, true])
})

test('a form sends only what was changed', () => {
  expect(changed({ a: 1, b: [1], c: null }, { a: 1, b: [1, 2], c: null })).toEqual({ b: [1, 2] })
})

test('gigabytes are the decimal ones, and nothing is no limit', () => {
  expect(bytesOf('1.5')).toBe(1_500_000_000)
  expect(bytesOf(' ')).toBeNull()
  expect(gbOf(bytesOf('53.687'))).toBe('53.687')
  expect(gbOf(500)).toBe('0.0000005')
  expect(gbOf(50_000_000_000)).toBe('50')
  expect(gbOf(0)).toBe('0')
  expect(listOf('9.9.9.9, 1.1.1.1\n::1')).toEqual(['9.9.9.9', '1.1.1.1', '::1'])
})
