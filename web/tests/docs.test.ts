// Holds the API's documentation to the document: everything of it is shown, and examples are requests that could be sent.

import { expect, test } from 'vitest'

import { openapi } from '../generate.js'
import { curlOf } from '../src/features/api-docs/curl'
import { exampleOf, found, groupsOf, type OpenApi, resolve } from '../src/features/api-docs/document'

const document = openapi() as OpenApi
const groups = groupsOf(document)
const operations = groups.flatMap((group) => group.operations)

function operation(id: string) {
  const one = operations.find((each) => each.id === id)
  if (!one) throw new Error(`no operation ${id}`)
  return one
}

test('every operation is shown once', () => {
  const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))

  expect(operations.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
})

test('every refusal has its words', () => {
  expect(operations.flatMap(({ id, refusals }) => refusals.filter(({ description }) => description === '').map(({ status }) => `${id} ${status}`))).toEqual([])
})

test('a schema that may be null is shown as what it is beside that', () => {
  const body = operation('device_create').body ?? {}
  const { schema } = resolve(document, body)
  const expires = resolve(document, schema.properties?.['expires_at'] ?? {})

  expect(expires).toMatchObject({ name: 'Timestamp', nullable: true })
  expect(expires.schema.description).toBe('When it stops. Only for operators.')
})

test('a schema that is put together of others has the fields of them all', () => {
  const { schema } = resolve(document, { $ref: '#/components/schemas/MeView' })

  expect(Object.keys(schema.properties ?? {})).toEqual(expect.arrayContaining(['login', 'csrf_token']))
})

test('every answer has an example', () => {
  const without = operations.flatMap(({ id, answers }) => answers.filter(({ schema }) => schema && exampleOf(document, schema) === null).map(() => id))

  expect(without).toEqual([])
})

test('a request is written with its body and what it must carry', () => {
  expect(curlOf(document, operation('device_create'), 'https://vpn.example.org')).toMatch(
    /^curl -s -X POST 'https:\/\/vpn\.example\.org\/api\/v1\/devices' \\\n {2}-H "authorization: Bearer \$TOKEN" \\\n {2}-H 'content-type: application\/json' \\\n {2}-d '\{/,
  )
  expect(curlOf(document, operation('user_delete'), '')).toContain(`-H 'If-Match: `)
  expect(curlOf(document, operation('session_create'), '')).not.toContain('authorization')
})

test('operations are found by path, id and summary', () => {
  const ids = (text: string) => found(groups, text).flatMap((group) => group.operations.map(({ id }) => id))

  expect(ids('device_create')).toEqual(['device_create'])
  expect(ids('POST restore')).toEqual(['user_restore', 'network_restore', 'device_restore'])
  expect(ids('no such thing')).toEqual([])
})
