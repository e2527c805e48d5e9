// Changing what somebody else changes at the same time.

import { act, createElement, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, test } from 'vitest'
import { z } from 'zod'

import type { ApiForm } from '../src/form/use-api-form'
import { useEditForm } from '../src/form/use-edit-form'

interface Row {
  revision: number
  name: string
  note: string
}
type Values = Omit<Row, 'revision'>

test('a form changes the thing as it was when it opened, until the new values are asked for; what was typed stays', async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  const sent: { revision: number; before: Values; typed: Values }[] = []
  let form: ApiForm<Values> | undefined
  let row: Row = { revision: 1, name: 'a', note: '' }
  function Page({ data }: { data: Row }) {
    const api = useEditForm<Row, Values>({
      // Of the answer, the form reads no more than this.
      read: { data, refetch: (async () => ({ data: row, error: null })) as never },
      schema: z.object({ name: z.string(), note: z.string() }),
      values: ({ name, note }) => ({ name, note }),
      send: async ({ revision }, before, typed) => void sent.push({ revision, before, typed }),
    })
    useEffect(() => {
      form = api
    })
    api.form.register('name')
    api.form.register('note')
    return createElement('p', undefined, String(api.form.formState.isDirty))
  }
  const root = createRoot(document.createElement('div'))
  const draw = () => act(async () => root.render(createElement(Page, { data: row })))
  const submit = () => act(async () => form?.submit())

  await draw()
  await act(async () => form?.form.setValue('note', 'mine', { shouldDirty: true }))
  row = { revision: 2, name: 'theirs', note: '' }
  await draw()
  await submit()
  expect(sent).toEqual([{ revision: 1, before: { name: 'a', note: '' }, typed: { name: 'a', note: 'mine' } }])

  await act(async () => form?.loadAnew?.())
  await submit()
  expect(sent[1]).toEqual({ revision: 2, before: { name: 'theirs', note: '' }, typed: { name: 'theirs', note: 'mine' } })
  await act(async () => root.unmount())
})
