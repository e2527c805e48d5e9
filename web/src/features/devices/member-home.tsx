// What a member sees first: own devices as cards, a way to add one, and how much of the own limits is used.

import Add from '@mui/icons-material/Add'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Outlet, useNavigate, useSearchParams } from 'react-router'

import type { Asked } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Empty, Facts, PageHeader, Section, Waiting } from '../../ui/parts'
import { UsageChart } from '../../ui/usage-chart'
import { useNow } from '../../ui/use-now'
import { usageQuery } from '../account/queries'
import { UsedOfLimit } from './device-words'
import { useFollowing } from './live'
import { MemberCard } from './member-card'
import { devices } from './queries'
import { filled, lastDays } from './usage-days'

/** More devices than a person has; who has more finds them by their names in the list's search. */
const MOST = 100
/** Each line is a request of its own, so only a few cards have one. */
const MOST_LINES = 12

export function MemberHome() {
  const { t } = useTranslation('devices')
  useFollowing()
  const [search, setSearch] = useSearchParams()
  const deleted = search.get('deleted') === 'true'
  const own = useQuery({
    queryKey: [devices.key, 'own', deleted],
    queryFn: () => devices.page({ limit: MOST, sort: 'name', ...(deleted ? { deleted: true } : {}) } as unknown as Asked),
  })
  const rows = own.data?.items ?? []
  return (
    <>
      <PageHeader title={deleted ? t('my.deleted') : t('my.title')} actions={deleted ? undefined : <AddButton />} />
      {own.isPending && <Waiting />}
      {own.isError && <Fault error={own.error} onRetry={() => void own.refetch()} />}
      {own.isSuccess && rows.length === 0 && (
        <Empty title={deleted ? t('my.noneDeleted') : t('my.empty')} text={deleted ? '' : t('my.emptyText')} action={deleted ? undefined : <AddButton />} />
      )}
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0, mb: 2, display: 'grid', gap: 2, gridTemplateColumns: 'repeat(auto-fill, minmax(min(100%, 21rem), 1fr))' }}>
        {rows.map((device) => (
          <li key={device.id}>
            <MemberCard device={device} line={rows.length <= MOST_LINES && !deleted} />
          </li>
        ))}
      </Box>
      {!deleted && <OwnUsage />}
      <Stack sx={{ alignItems: 'flex-start' }}>
        <Button size="small" color="inherit" onClick={() => setSearch(deleted ? {} : { deleted: 'true' })}>
          {deleted ? t('my.back') : t('my.showDeleted')}
        </Button>
      </Stack>
      <Outlet />
    </>
  )
}

function AddButton() {
  const { t } = useTranslation('devices')
  const navigate = useNavigate()
  const usage = useQuery(usageQuery).data
  const limit = usage?.device_limit
  const full = usage && typeof limit === 'number' && usage.devices >= limit
  return (
    <Action
      variant="contained"
      size="large"
      icon={<Add />}
      label={t('my.add')}
      disabledReason={full ? t('my.full', { count: limit }) : undefined}
      onRun={() => void navigate(paths.devices.create())}
    />
  )
}

const DAYS = 30

function OwnUsage() {
  const { t } = useTranslation(['devices', 'usage', 'common'])
  const format = useFormats()
  const usage = useQuery(usageQuery).data
  const { from, to } = lastDays(DAYS, useNow())
  if (!usage) return null
  return (
    <Section title={t('my.usage')}>
      <Facts
        facts={[
          [t('field.used'), <UsedOfLimit key="used" used={usage.used_bytes} limit={usage.data_limit_bytes} label={t('my.usage')} />],
          [t('title'), usage.device_limit ? t('my.count', { count: usage.devices, limit: format.number(usage.device_limit) }) : format.number(usage.devices)],
        ]}
      />
      <Box sx={{ mt: 2 }}>
        <UsageChart days={filled(usage.days, from, to)} label={t('usage:chart', { count: DAYS })} />
      </Box>
    </Section>
  )
}
