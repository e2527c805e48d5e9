import { afterAll, beforeAll, expect, test } from 'vitest'

import { toLocal, toMoment } from '../src/lib/moment'

const before = process.env['TZ']
beforeAll(() => {
  process.env['TZ'] = 'Europe/Berlin'
})
afterAll(() => {
  if (before === undefined) delete process.env['TZ']
  else process.env['TZ'] = before
})

test('a moment is shown in the time of the place, in winter and in summer', () => {
  expect(toLocal('2027-01-02T03:04:00.000Z')).toBe('2027-01-02T04:04')
  expect(toLocal('2027-07-02T03:04:00.000Z')).toBe('2027-07-02T05:04')
  expect(toMoment('2027-07-02T05:04')).toBe('2027-07-02T03:04:00.000Z')
})

test.each(['0002', '0020', '0202', '2027', '9999'])('on the way to a year, %s, the clock stays as it was', (year) => {
  const typed = `${year}-07-02T05:04`

  expect(toLocal(toMoment(typed))).toBe(typed)
})

test('what is no moment is empty, and breaks nothing', () => {
  expect([toLocal(''), toLocal('soon'), toMoment(''), toMoment('2027-07'), toMoment('20277-07-02T05:04')]).toEqual(['', '', '', '2027-07-01T00:00:00.000Z', ''])
})
