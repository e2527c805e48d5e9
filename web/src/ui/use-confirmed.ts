// An act that is done once somebody has said that they mean it.

import { type Question, useConfirm } from './confirm'
import type { Toast } from './toast'
import { useAct } from './use-act'

/** True where the act was meant and done. */
export type RunConfirmed = (question: Question, act: () => Promise<unknown>, done: string | Toast) => Promise<boolean>

export function useConfirmed(): RunConfirmed {
  const confirm = useConfirm()
  const act = useAct()
  return async (question, run, done) => (await confirm(question)) && act(run, done)
}
