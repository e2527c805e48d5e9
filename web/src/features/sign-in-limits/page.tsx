// Whose sign-ins failed lately, and who must wait: addresses and accounts.

import LockOpen from '@mui/icons-material/LockOpenOutlined'
import Refresh from '@mui/icons-material/Refresh'
import Alert from '@mui/material/Alert'
import Typography from '@mui/material/Typography'
import { useSuspenseQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Code, PageHeader, Section } from '../../ui/parts'
import { SmallTable } from '../../ui/small-table'
import { useAct } from '../../ui/use-act'
import { UserName } from '../users/user-name'
import { type LimitedAccount, liftLimit, limitsQuery } from './queries'

interface Row {
  key: string
  name: ReactNode
  failures: number
  until: string | null | undefined
  lift: { address: string } | { login: string } | undefined
  label: string
}

export function Component() {
  const { t } = useTranslation(['limits', 'common'])
  const { data: limits, refetch } = useSuspenseQuery(limitsQuery)
  const format = useFormats()
  return (
    <>
      <PageHeader title={t('title')} lead={t('lead')} actions={<Action variant="outlined" icon={<Refresh />} label={t('common:act.reload')} onRun={() => void refetch()} />} />
      {limits.alarm_until && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('alarm', { until: format.dateTime(limits.alarm_until) })}
        </Alert>
      )}
      <Typography sx={{ mb: 2 }}>{t('recent', { count: limits.recent_failures })}</Typography>
      <Limited title={t('addresses')} none={t('noAddresses')} rows={limits.addresses.map(({ address, failures, until }) => ({ key: address, name: <Code>{address}</Code>, failures, until, lift: { address }, label: address }))} />
      <Limited title={t('accounts')} none={t('noAccounts')} rows={limits.accounts.map(accountRow(t('unknown')))} />
    </>
  )
}

/** A login that nobody has is limited too, under a name that the server does not keep. */
function accountRow(unknown: string): (account: LimitedAccount, place: number) => Row {
  return ({ login, user_id, failures, until }, place) => ({
    key: user_id ?? login ?? String(place),
    name: user_id ? <UserName id={user_id} link /> : (login ?? unknown),
    failures,
    until,
    lift: login ? { login } : undefined,
    label: login ?? unknown,
  })
}

function Limited({ title, none, rows }: { title: string; none: string; rows: Row[] }) {
  const { t } = useTranslation(['limits', 'common'])
  const forbidden = useForbidden()
  const act = useAct()
  const format = useFormats()
  const whyNot = ({ lift }: Row) => (forbidden('ratelimit_unban') ?? (lift ? undefined : t('cannotLift')))
  return (
    <Section title={title}>
      {rows.length === 0 ? (
        <Typography color="text.secondary">{none}</Typography>
      ) : (
        <SmallTable
          label={title}
          rows={rows}
          rowKey={({ key }) => key}
          columns={[
            { key: 'name', header: t('who'), render: ({ name }) => name },
            { key: 'failures', header: t('failures'), align: 'right', render: ({ failures }) => format.number(failures) },
            { key: 'until', header: t('waits'), render: ({ until }) => (until ? format.ago(until) : t('free')) },
            {
              key: 'acts',
              header: <span className="visually-hidden">{t('common:act.column')}</span>,
              align: 'right',
              render: (row) => (
                <Action
                  size="small"
                  icon={<LockOpen />}
                  label={t('lift')}
                  disabledReason={whyNot(row)}
                  onRun={() => {
                    if (row.lift) void act(() => liftLimit(row.lift ?? {}), t('done.lifted', { name: row.label }))
                  }}
                />
              ),
            },
          ]}
        />
      )}
    </Section>
  )
}
