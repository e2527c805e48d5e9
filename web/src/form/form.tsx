// The frame of a form of the API's: its fields find it by their names, and sending it is not the browser's.

import type { ReactNode, SubmitEvent } from 'react'
import { type FieldValues, FormProvider } from 'react-hook-form'

import { Fault } from '../ui/fault'
import { isStale, Stale } from './stale'
import type { ApiForm } from './use-api-form'

interface FormProps<Values extends FieldValues> {
  api: ApiForm<Values>
  label?: string
  /** Lays its parts out as if they were its parent's. */
  contents?: boolean
  /** What its button does where that is not to send it. */
  onSubmit?: () => void
  children: ReactNode
}

export function Form<Values extends FieldValues>({ api, label, contents = false, onSubmit = api.submit, children }: FormProps<Values>) {
  function submit(event: SubmitEvent): void {
    event.preventDefault()
    onSubmit()
  }
  return (
    <FormProvider {...api.form}>
      <form noValidate aria-label={label} style={contents ? { display: 'contents' } : undefined} onSubmit={submit}>
        {children}
      </form>
    </FormProvider>
  )
}

/** What went wrong with a form and belongs to none of its fields. */
export function FormFault<Values extends FieldValues>({ api: { fault, loadAnew } }: { api: ApiForm<Values> }) {
  if (fault === undefined) return null
  return loadAnew && isStale(fault) ? <Stale onLoad={loadAnew} /> : <Fault error={fault} />
}
