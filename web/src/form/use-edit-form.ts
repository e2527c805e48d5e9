// A form that changes a thing. What is shown beneath it follows the server; the form holds on to the thing as it was
// when it opened, so that what somebody else changed meanwhile is not undone: the server refuses by its revision.

import type { UseSuspenseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import type { DefaultValues, FieldValues } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import type { ZodType } from 'zod'

import { faultText } from '../ui/fault'
import { useToast } from '../ui/toast'
import { type ApiForm, useApiForm } from './use-api-form'

export function useEditForm<Row, Values extends FieldValues>(options: {
  read: Pick<UseSuspenseQueryResult<Row>, 'data' | 'refetch'>
  schema: ZodType<Values, Values>
  values: (row: Row) => Values
  send: (opened: Row, before: Values, typed: Values) => Promise<void>
}): ApiForm<Values> {
  const { t } = useTranslation()
  const toast = useToast()
  const { read, values } = options
  const [opened, setOpened] = useState(read.data)
  const api = useApiForm<Values>({
    schema: options.schema,
    values: values(opened) as DefaultValues<Values>,
    send: (typed) => options.send(opened, values(opened), typed),
  })
  async function loadAnew(): Promise<void> {
    const { data, error } = await read.refetch()
    if (error || data === undefined) {
      toast({ tone: 'error', text: faultText(error, t('fault.noAnswer')) })
      return
    }
    setOpened(data)
    api.form.reset(values(data), { keepDirtyValues: true })
    api.forget()
  }
  return { ...api, loadAnew: () => void loadAnew() }
}
