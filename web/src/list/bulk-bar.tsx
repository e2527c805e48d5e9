// Acts on the rows that are chosen. Each row ends by itself; what failed is told by name, what was done can be undone
// where the act has a way back.

import Alert from '@mui/material/Alert'
import LinearProgress from '@mui/material/LinearProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { Action } from '../ui/action'
import { useConfirm } from '../ui/confirm'
import { faultText } from '../ui/fault'
import { useToast } from '../ui/toast'
import { type BulkEnd, forEach, sift } from './bulk'

export interface BulkAct<Row> {
  key: string
  label: string
  icon?: ReactNode
  /** Why it cannot be done at all; left out where it can. */
  disabledReason?: string | undefined
  /** What is done to one row. */
  run: (row: Row) => Promise<unknown>
  /** False for a row that is as wanted already: it is left alone, by the undoing too. */
  needed?: (row: Row) => boolean
  /** Asks for what the act needs, as a date; undefined means that nothing is to be done. */
  prepare?: (rows: readonly Row[]) => Promise<Pick<BulkAct<Row>, 'run' | 'needed'> | undefined>
  undo?: (row: Row) => Promise<unknown>
  /** Said in a question first, with the count to be written out. */
  warning?: string
  name: (row: Row) => string
}

export function BulkBar<Row>({ rows, acts, onDone }: { rows: readonly Row[]; acts: BulkAct<Row>[]; onDone: () => void }) {
  const { t } = useTranslation()
  const toast = useToast()
  const confirm = useConfirm()
  const client = useQueryClient()
  const [ended, setEnded] = useState<number>()
  const [underWay, setUnderWay] = useState(0)
  const [failed, setFailed] = useState<string[]>([])

  async function perform(act: BulkAct<Row>): Promise<void> {
    const count = rows.length
    if (act.warning !== undefined) {
      const sure = await confirm({ title: `${act.label} (${count})`, text: act.warning, act: act.label, name: String(count), destructive: true })
      if (!sure) return
    }
    const prepared = act.prepare ? await act.prepare(rows) : act
    if (!prepared) return
    const { meant, already } = sift(rows, prepared.needed)
    report(act, await work(meant, prepared.run), already)
  }
  async function work(over: readonly Row[], run: (row: Row) => Promise<unknown>): Promise<BulkEnd<Row>> {
    setFailed([])
    setUnderWay(over.length)
    setEnded(0)
    const end = await forEach(over, run, setEnded)
    setEnded(undefined)
    await client.invalidateQueries()
    return end
  }
  function report(act: BulkAct<Row>, end: BulkEnd<Row>, already: number): void {
    setFailed(end.failed.map(({ row, error }) => `${act.name(row)}: ${faultText(error, t('fault.noAnswer'))}`))
    const { undo } = act
    const left = already > 0 ? t('bulk.already', { count: already }) : ''
    if (end.done.length === 0) {
      if (left) toast({ tone: 'info', text: left })
      return
    }
    toast({
      text: `${t('bulk.done', { act: act.label, count: end.done.length })} ${left}`.trim(),
      ...(undo ? { action: { label: t('act.undo'), run: () => void work(end.done, undo).then((back) => setFailed(back.failed.map(({ row, error }) => `${act.name(row)}: ${faultText(error, t('fault.noAnswer'))}`))) } } : {}),
    })
    if (end.failed.length === 0) onDone()
  }

  return (
    <div aria-live="polite">
      {rows.length > 0 && (
        <Stack direction="row" sx={{ px: 1.5, pb: 1.5, gap: 1, alignItems: 'center', flexWrap: 'wrap' }}>
          <Typography variant="body2" sx={{ mr: 1 }}>
            {t('bulk.chosen', { count: rows.length })}
          </Typography>
          {acts.map((act) => (
            <Action
              key={act.key}
              size="small"
              variant="outlined"
              color={act.warning === undefined ? 'primary' : 'error'}
              icon={act.icon}
              label={act.label}
              disabledReason={act.disabledReason ?? (ended === undefined ? undefined : t('bulk.busy'))}
              onRun={() => void perform(act)}
            />
          ))}
        </Stack>
      )}
      {ended !== undefined && <LinearProgress variant="determinate" value={(ended / Math.max(1, underWay)) * 100} aria-label={t('bulk.busy')} />}
      {failed.length > 0 && (
        <Alert severity="error" onClose={() => setFailed([])} sx={{ m: 1.5 }}>
          {failed.map((line) => (
            <div key={line}>{line}</div>
          ))}
        </Alert>
      )}
    </div>
  )
}
