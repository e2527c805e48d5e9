import Replay from '@mui/icons-material/Replay'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { useCan, useForbidden } from '../../session/use-me'
import { IconAction } from '../../ui/action'
import { StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { type Job, jobs, retryJob } from './queries'

const STATES = ['pending', 'running', 'done', 'failed'] as const

export function Component() {
  const { t } = useTranslation(['jobs', 'common'])
  const can = useCan()
  const forbidden = useForbidden()
  const act = useAct()
  const format = useFormats()
  const kind = (job: Job) => t(`kind.${job.kind}`, { defaultValue: job.kind })
  const columns: Column<Job>[] = [
    { key: 'created_at', header: t('common:field.created'), sort: 'created_at', width: 190, render: (job) => format.dateTime(job.created_at) },
    { key: 'kind', header: t('field.kind'), render: kind },
    { key: 'state', header: t('common:field.state'), width: 130, render: (job) => <StateChip state={job.state} /> },
    { key: 'attempts', header: t('field.attempts'), width: 110, align: 'right', render: (job) => t('attempts', { done: job.attempts, most: job.max_attempts }) },
    { key: 'next_at', header: t('field.next'), width: 170, render: (job) => (job.next_at ? format.ago(job.next_at) : '–') },
    { key: 'last_error', header: t('field.error'), flex: 3, render: (job) => job.last_error ?? '–' },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={jobs}
      columns={columns}
      filters={[{ name: 'state', label: t('common:field.state'), options: STATES.map((state) => [state, t(`common:state.${state}`)] as const) }]}
      bulk={can('job_retry') ? [{ key: 'retry', label: t('retry'), icon: <Replay />, run: retryJob, name: kind }] : []}
      rowPath={(job) => paths.jobs.detail(job.id)}
      rowActions={(job) => (
        <IconAction
          label={t('retry')}
          icon={<Replay fontSize="small" />}
          disabledReason={forbidden('job_retry') ?? (job.state === 'failed' ? undefined : t('notFailed'))}
          onRun={() => void act(() => retryJob(job), t('done.retried'))}
        />
      )}
      card={(job) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Typography sx={{ fontWeight: 600 }}>{kind(job)}</Typography>
            <Typography variant="body2" color="text.secondary">
              {format.ago(job.created_at)}
            </Typography>
            {job.last_error && <Typography variant="body2">{job.last_error}</Typography>}
          </Stack>
          <StateChip state={job.state} />
        </Stack>
      )}
      csv={{
        fileName: 'jobs.csv',
        columns: [
          { header: 'id', text: (job) => job.id },
          { header: 'created_at', text: (job) => job.created_at },
          { header: 'kind', text: (job) => job.kind },
          { header: 'state', text: (job) => job.state },
          { header: 'attempts', text: (job) => job.attempts },
          { header: 'max_attempts', text: (job) => job.max_attempts },
          { header: 'next_at', text: (job) => job.next_at },
          { header: 'last_error', text: (job) => job.last_error },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}
