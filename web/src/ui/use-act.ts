// Says what was done, or why not, and lets everything that is shown be read anew.

import { useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { isUnproved } from '../api/problem'
import { faultText } from './fault'
import { type Toast, useToast } from './toast'

/** True where the act was done. */
export type Run = (act: () => Promise<unknown>, done: string | Toast) => Promise<boolean>

/** For what was done already, as by a form. */
export function useDone(): (done: string | Toast) => Promise<void> {
  const toast = useToast()
  const client = useQueryClient()
  return async (done) => {
    await client.invalidateQueries()
    toast(typeof done === 'string' ? { text: done } : done)
  }
}

/** Runs one act. */
export function useAct(): Run {
  const { t } = useTranslation()
  const toast = useToast()
  const say = useDone()
  return async (act, done) => {
    try {
      await act()
    } catch (error) {
      if (!isUnproved(error)) toast({ tone: 'error', text: faultText(error, t('fault.noAnswer')) })
      return false
    }
    await say(done)
    return true
  }
}
