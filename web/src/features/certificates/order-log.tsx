// What was done to get a certificate, a line a step, as it happens.

import CheckCircle from '@mui/icons-material/CheckCircleOutlined'
import ErrorMark from '@mui/icons-material/ErrorOutlined'
import Warning from '@mui/icons-material/WarningAmberOutlined'
import Box from '@mui/material/Box'
import LinearProgress from '@mui/material/LinearProgress'
import Typography from '@mui/material/Typography'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'

import { useIsLive, useOnLive } from '../../app/live'
import { useFormats } from '../../i18n/use-formats'
import { Fault } from '../../ui/fault'
import { Code } from '../../ui/parts'
import { useNow } from '../../ui/use-now'
import { askAgainMs, isUnderWay, type LogLine, withoutEchoes } from './log-lines'
import { certificateLogQuery, certificateQuery } from './queries'

interface Order {
  lines: LogLine[]
  underWay: boolean
  error: Error | null
  readAnew: () => void
}

/**
 * The log of a certificate's orders, which follows the server. A page that waits for the certificate says so by `awaited`
 * until it is there: such a page asks by itself where it is not told, until the log has come to its end, too.
 */
export function useOrderLog(name: string, awaited?: boolean): Order {
  const client = useQueryClient()
  const isTold = useIsLive()
  const { data, error, refetch } = useQuery({
    ...certificateLogQuery(name),
    refetchInterval: ({ state: { data: read } }) =>
      askAgainMs({ isTold, waits: awaited === true || (awaited === false && read !== undefined && isUnderWay(read, Date.now())) }),
  })
  const now = useNow()
  // What came between the first answer and the open line was told to nobody.
  useOnLive(() => {
    for (const { queryKey } of [certificateLogQuery(name), certificateQuery(name)]) void client.invalidateQueries({ queryKey })
  })
  return {
    lines: withoutEchoes(data?.lines ?? []),
    underWay: data !== undefined && isUnderWay(data, now),
    error,
    readAnew: () => void refetch(),
  }
}

/** `expected` is for an order that has yet to begin. */
export function OrderLog({ name, order: { lines, underWay, error, readAnew }, expected }: { name: string; order: Order; expected?: boolean }) {
  const { t } = useTranslation('certificates')
  const box = useRef<HTMLDivElement>(null)
  const last = lines.at(-1)?.position
  useEffect(() => {
    if (box.current && last !== undefined) box.current.scrollTop = box.current.scrollHeight
  }, [last])
  const waits = expected === true && !underWay
  return (
    <Box sx={{ display: 'grid', gap: 1 }}>
      {error && <Fault error={error} onRetry={readAnew} />}
      {lines.length === 0 && !waits && !error && <Typography color="text.secondary">{t('log.none')}</Typography>}
      <Box ref={box} role="log" aria-live="polite" aria-label={t('log.title')} tabIndex={lines.length > 0 ? 0 : undefined} sx={{ maxHeight: 420, overflowY: 'auto', display: 'grid', gap: 1 }}>
        {lines.map((line) => (
          <Line key={line.position} name={name} line={line} />
        ))}
      </Box>
      {(underWay || waits) && (
        <Box sx={{ display: 'grid', gap: 0.5 }}>
          <Typography variant="body2" color="text.secondary">
            {t(underWay ? 'log.underWay' : 'log.waits')}
          </Typography>
          <LinearProgress aria-label={t('log.underWay')} />
        </Box>
      )}
    </Box>
  )
}

const MARKS = {
  done: { Mark: CheckCircle, color: 'success' },
  doubtful: { Mark: Warning, color: 'warning' },
  failed: { Mark: ErrorMark, color: 'error' },
} as const

function Line({ name, line: { kind, outcome, at, about, detail, then_at } }: { name: string; line: LogLine }) {
  const { t } = useTranslation('certificates')
  const format = useFormats()
  const { Mark, color } = MARKS[outcome]
  return (
    <Box sx={{ display: 'grid', gridTemplateColumns: { xs: 'auto 1fr', sm: 'auto minmax(7rem, max-content) 1fr' }, columnGap: 1.5, alignItems: 'start' }}>
      <Mark color={color} fontSize="small" titleAccess={t(`log.outcome.${outcome}`)} sx={{ mt: 0.25 }} />
      <Typography component="time" variant="body2" color="text.secondary" dateTime={at} title={format.dateTime(at)} sx={{ pt: 0.25 }}>
        {format.clock(at)}
      </Typography>
      <Box sx={{ minWidth: 0, gridColumn: { xs: '2', sm: 'auto' } }}>
        <Typography component="span">{t(`log.kind.${kind}`, { defaultValue: kind })}</Typography>
        {about !== name && (
          <>
            {' '}
            <Code>{about}</Code>
          </>
        )}
        {detail && outcome === 'done' && (
          <>
            {' '}
            <Code>{detail}</Code>
          </>
        )}
        {then_at && <Then kind={kind} at={then_at} />}
        {detail && outcome !== 'done' && (
          <Box>
            <Code>{detail}</Code>
          </Box>
        )}
      </Box>
    </Box>
  )
}

function Then({ kind, at }: { kind: LogLine['kind']; at: string }) {
  const { t } = useTranslation('certificates')
  const format = useFormats()
  const [key, when] =
    kind === 'certificate_received'
      ? ['log.until', format.dateTime(at)]
      : kind === 'certificate_activated'
        ? ['log.renewal', format.dateTime(at)]
        : ['log.nextTry', format.ago(at)]
  return (
    <Typography component="span" color="text.secondary">
      {' · '}
      {t(key, { when })}
    </Typography>
  )
}
