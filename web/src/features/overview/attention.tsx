// What somebody should do something about, each with the way to it.

import Alert from '@mui/material/Alert'
import AlertTitle from '@mui/material/AlertTitle'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'

import type { Schema } from '../../api/types'
import { paths } from '../../app/paths'

type Problem = Schema<'ProblemSummaryView'>

/** Where a problem's thing is looked at. */
export function pathOf({ target_kind: kind, target_id: id }: Pick<Problem, 'target_kind' | 'target_id'>): string | undefined {
  switch (kind) {
    case 'node':
      return paths.nodes.detail(id)
    case 'network':
      return paths.networks.detail(id)
    case 'certificate':
      return paths.certificates.detail(id)
    case 'webhook':
      return paths.webhooks.detail(id)
    case 'job':
      return paths.jobs.list()
    default:
      return undefined
  }
}

const GRAVE: ReadonlySet<Problem['kind']> = new Set(['node_offline', 'certificate_failing'])

export function Attention({ problems }: { problems: readonly Problem[] }) {
  const { t } = useTranslation('overview')
  if (problems.length === 0) return null
  return (
    <Stack component="section" aria-label={t('attention')} sx={{ gap: 1, mb: 2 }}>
      {problems.map((problem) => {
        const to = pathOf(problem)
        return (
          <Alert
            key={`${problem.kind} ${problem.target_id} ${problem.detail}`}
            severity={GRAVE.has(problem.kind) ? 'error' : 'warning'}
            action={
              to && (
                <Button component={Link} to={to} color="inherit" size="small">
                  {t('look')}
                </Button>
              )
            }
          >
            <AlertTitle component="h2">{t(`problem.${problem.kind}`)}</AlertTitle>
            <span lang="en">{sentence(problem.detail)}</span>
          </Alert>
        )
      })}
    </Stack>
  )
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
