import { expect, test } from 'vitest'

import { fieldOf, readProblem } from '../src/lib/problem.ts'

test('the faults of a problem are found by field', async () => {
  const body = {
    title: 'Some fields cannot be taken',
    detail: '2 faults',
    request_id: '0199',
    errors: [
      { pointer: '/owner/password', detail: 'is too short.' },
      { pointer: '#/network/dns/1', detail: 'is not an address.' },
      { nonsense: true },
    ],
  }

  const problem = await readProblem(Response.json(body, { status: 422 }))

  expect(problem).toMatchObject({ status: 422, heading: 'That did not work.', detail: '2 faults', requestId: '0199' })
  expect(problem.fields.get('/owner/password')).toBe('is too short.')
  expect(fieldOf('/network/dns/1', ['/network/name', '/network/dns'])).toBe('/network/dns')
  expect(fieldOf('/network/dnsx', ['/network/dns'])).toBeUndefined()
})

test('an answer that is no problem document still says something', async () => {
  const problem = await readProblem(new Response('<html>bad gateway', { status: 502 }))

  expect(problem.heading).toBe('The server answered 502.')
  expect(problem.fields.size).toBe(0)
})
