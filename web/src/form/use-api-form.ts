// A form of the API's: mirrors the server's rules as far as they help while typing, and puts what the server says beside
// the field that it speaks of.

import { zodResolver } from '@hookform/resolvers/zod'
import { useState } from 'react'
import { type DefaultValues, type FieldValues, type Path, useForm, type UseFormReturn } from 'react-hook-form'
import type { ZodType } from 'zod'

import { ApiProblem, fieldOf, isUnproved } from '../api/problem'
import { namesOf } from './values'

export interface ApiForm<Values extends FieldValues> {
  form: UseFormReturn<Values, unknown, Values>
  /** What belongs to no field. */
  fault: unknown
  submit: () => void
  /** Takes the fault away again. */
  forget: () => void
  busy: boolean
  /** Takes new values in where nothing was typed, after the thing was found to have changed. */
  loadAnew?: () => void
}

export function useApiForm<Values extends FieldValues>(options: {
  schema: ZodType<Values, Values>
  values: DefaultValues<Values>
  send: (values: Values) => Promise<void>
}): ApiForm<Values> {
  const [fault, setFault] = useState<unknown>()
  const form = useForm<Values, unknown, Values>({ resolver: zodResolver(options.schema), defaultValues: options.values })

  async function send(values: Values): Promise<void> {
    setFault(undefined)
    try {
      await options.send(values)
    } catch (error) {
      if (!isUnproved(error) && place(error)) setFault(error)
    }
  }

  /** Puts each fault beside its field; true where something is left over. */
  function place(error: unknown): boolean {
    if (!(error instanceof ApiProblem) || error.faults.length === 0) return true
    const known = namesOf(form.getValues())
    let rest = false
    for (const { pointer, detail } of error.faults) {
      const field = pointer === undefined ? undefined : fieldOf(pointer, known)
      if (field === undefined) rest = true
      else form.setError(field as Path<Values>, { message: detail }, { shouldFocus: true })
    }
    return rest
  }

  return { form, fault, submit: () => void form.handleSubmit(send)(), forget: () => setFault(undefined), busy: form.formState.isSubmitting }
}
