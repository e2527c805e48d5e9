// Gives more time to devices or to a user, sets a day for all of them, or lets them go on without an end.

import FormControlLabel from '@mui/material/FormControlLabel'
import Radio from '@mui/material/Radio'
import RadioGroup from '@mui/material/RadioGroup'
import { type ReactNode, useCallback, useState } from 'react'
import { useController, useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { MomentInput, TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { extended, type NewTimes, type Times } from './time-left'

/** What becomes of the times of one; undefined where nothing does. */
export type Extend = (of: Times) => NewTimes | undefined

/** `many` are spoken of as such: those without an end stay as they are. Undefined is that nothing is to be done. */
export type AskExtend = (many?: boolean) => Promise<Extend | undefined>

const WAYS = ['days', 'date', 'never'] as const

/** Asks for it; the dialog is to be put into the page. */
export function useExtend(): { dialog: ReactNode; ask: AskExtend } {
  const [answer, setAnswer] = useState<{ many: boolean; give: (extend: Extend | undefined) => void }>()
  const ask = useCallback<AskExtend>((many = false) => new Promise((give) => setAnswer({ many, give })), [])
  function end(extend: Extend | undefined): void {
    answer?.give(extend)
    setAnswer(undefined)
  }
  return {
    dialog: answer && <ExtendDialog many={answer.many} onEnd={end} />,
    ask,
  }
}

function ExtendDialog({ many, onEnd }: { many: boolean; onEnd: (extend: Extend | undefined) => void }) {
  const { t } = useTranslation(['devices', 'common'])
  const schema = z
    .object({ way: z.enum(WAYS), days: z.string(), date: z.string() })
    .superRefine(({ way, days, date }, context) => {
      if (way === 'days' && !(Number(days) > 0)) context.addIssue({ code: 'custom', path: ['days'], message: t('extend.positive') })
      if (way === 'date' && date === '') context.addIssue({ code: 'custom', path: ['date'], message: t('common:form.needed') })
    })
  const form = useApiForm({
    schema,
    values: { way: 'days', days: '30', date: '' },
    send: async ({ way, days, date }) => {
      const now = Date.now()
      if (way === 'days') onEnd((of) => extended(of, Number(days), now))
      else onEnd(() => ({ expires_at: way === 'date' ? date : null, duration_s: null }))
    },
  })
  return (
    <FormDialog api={form} title={t('extend.title')} act={t('extend.act')} onClose={() => onEnd(undefined)}>
      <WayField many={many} />
    </FormDialog>
  )
}

function WayField({ many }: { many: boolean }) {
  const { t } = useTranslation('devices')
  const { field } = useController({ name: 'way' })
  const way: unknown = useWatch({ name: 'way' })
  return (
    <>
      <RadioGroup {...field} aria-label={t('extend.title')}>
        {WAYS.map((each) => (
          <FormControlLabel key={each} value={each} control={<Radio />} label={t(`extend.${each}`)} />
        ))}
      </RadioGroup>
      {way === 'days' && <TextInput name="days" inputMode="decimal" end={t('days')} label={t('extend.howMany')} hint={t(many ? 'extend.daysHintMany' : 'extend.daysHint')} />}
      {way === 'date' && <MomentInput name="date" label={t('field.expires')} />}
    </>
  )
}
