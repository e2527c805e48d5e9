// One section of the settings as a form of its own: it sends what changed in it, under the revision that it was read at.

import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { DefaultValues, FieldValues } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import type { ZodType } from 'zod'

import { ApiProblem } from '../../api/problem'
import { type ApiForm, useApiForm } from '../../form/use-api-form'
import { changed } from '../../form/values'
import { useToast } from '../../ui/toast'
import { advance } from './advance'
import { type Settings, type SettingsChange, settingsQuery, updateSettings } from './queries'

export interface SectionSpec<Values extends FieldValues> {
  schema: ZodType<Values, Values>
  values: (settings: Settings) => Values
  body: (values: Values) => SettingsChange
  /** Asked before it is sent; what comes back is sent, undefined stops it. */
  check?: (change: SettingsChange, settings: Settings) => Promise<SettingsChange | undefined>
  /** A way on after a refusal: what to send instead. */
  insist?: (problem: ApiProblem, change: SettingsChange) => Promise<SettingsChange | undefined>
}

export function useSection<Values extends FieldValues>(settings: Settings, spec: SectionSpec<Values>): ApiForm<Values> {
  const { t } = useTranslation(['settings', 'common'])
  const client = useQueryClient()
  const toast = useToast()
  const [base, setBase] = useState(settings)
  const [seen, setSeen] = useState(settings)
  const api = useApiForm<Values>({ schema: spec.schema, values: spec.values(settings) as DefaultValues<Values>, send })
  const { form } = api
  const { isDirty } = form.formState
  if (settings !== seen) {
    setSeen(settings)
    if (advance(spec.values(base), spec.values(settings), isDirty) !== 'hold') setBase(settings)
  }
  useEffect(() => {
    form.reset(spec.values(base), { keepDirtyValues: true })
    // Only other settings make other values.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [base])

  async function send(values: Values): Promise<void> {
    const change = changed(spec.body(spec.values(base)), spec.body(values))
    if (Object.keys(change).length === 0) {
      toast({ tone: 'info', text: t('unchanged') })
      return
    }
    const meant = spec.check ? await spec.check(change, base) : change
    if (meant) await save(meant)
  }
  async function save(change: SettingsChange): Promise<void> {
    const answer = await updateSettings(base, change).catch(async (error: unknown) => {
      const instead = error instanceof ApiProblem ? await spec.insist?.(error, change) : undefined
      if (!instead) throw error
      return updateSettings(base, instead)
    })
    form.reset(spec.values(answer))
    setBase(answer)
    client.setQueryData(settingsQuery.queryKey, answer)
    void client.invalidateQueries()
    toast({ text: t('common:done.saved') })
  }
  async function loadAnew(): Promise<void> {
    const fresh = await client.fetchQuery({ ...settingsQuery, staleTime: 0 })
    setBase(fresh)
    api.forget()
  }
  return { ...api, loadAnew: () => void loadAnew() }
}
