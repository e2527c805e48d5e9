import Replay from '@mui/icons-material/Replay'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'

import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Code, Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { jobQuery, retryJob } from './queries'

export function Component() {
  const { t } = useTranslation(['jobs', 'common'])
  const { id = '' } = useParams()
  const { data: job } = useSuspenseQuery(jobQuery(id))
  const forbidden = useForbidden()
  const act = useAct()
  const format = useFormats()
  const why = forbidden('job_retry') ?? (job.state === 'failed' ? undefined : t('notFailed'))
  return (
    <>
      <PageHeader
        title={t(`kind.${job.kind}`, { defaultValue: job.kind })}
        chip={<StateChip state={job.state} />}
        actions={<Action variant="outlined" icon={<Replay />} label={t('retry')} disabledReason={why} onRun={() => void act(() => retryJob(job), t('done.retried'))} />}
      />
      <Section>
        <Facts
          facts={[
            [t('field.id'), <Code key="id">{job.id}</Code>],
            [t('common:field.created'), format.dateTime(job.created_at)],
            [t('field.attempts'), t('attempts', { done: job.attempts, most: job.max_attempts })],
            [t('field.next'), job.next_at ? format.dateTime(job.next_at) : undefined],
            [t('field.finished'), job.finished_at ? format.dateTime(job.finished_at) : undefined],
            [t('field.error'), job.last_error ?? undefined],
          ]}
        />
      </Section>
    </>
  )
}
