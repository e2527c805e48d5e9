// How the service does, at a glance: first what somebody should do something about, then the figures.

import Box from '@mui/material/Box'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'

import { useTopic } from '../../app/live'
import { putTraffic } from '../../app/live-store'
import { useCan } from '../../session/use-me'
import { Fault } from '../../ui/fault'
import { PageHeader, Waiting } from '../../ui/parts'
import { Attention } from './attention'
import { Certificates } from './certificates'
import { Ending } from './ending'
import { Figures } from './figures'
import { LastEvents } from './last-events'
import { NextSteps } from './next-steps'
import { Nodes } from './nodes'
import { Pools } from './pools'
import { overviewQuery } from './queries'
import { TrafficDays } from './traffic-days'
import { TrafficNow } from './traffic-now'

export function Overview() {
  const { t } = useTranslation('overview')
  const can = useCan()
  const { data, error, refetch } = useQuery(overviewQuery)
  useTopic('overview')
  useEffect(() => {
    if (data) putTraffic(data.traffic.rx_bytes_per_s, data.traffic.tx_bytes_per_s)
  }, [data])
  if (!data) {
    return (
      <>
        <PageHeader title={t('title')} />
        {error ? <Fault error={error} onRetry={() => void refetch()} /> : <Waiting />}
      </>
    )
  }
  const begun = data.devices.total > 0
  return (
    <>
      <PageHeader title={t('title')} />
      <Attention problems={data.problems} />
      {!begun && <NextSteps overview={data} />}
      <Figures overview={data} />
      <Box sx={COLUMNS}>
        <div>
          {begun && <TrafficNow />}
          {data.nodes.length > 0 && <Nodes nodes={data.nodes} />}
          {(data.expiring_users.length > 0 || data.expiring_devices.length > 0) && <Ending overview={data} />}
        </div>
        <div>
          {begun && <TrafficDays />}
          {data.networks.some(({ ipv4 }) => ipv4) && <Pools networks={data.networks} />}
          {data.certificates.length > 0 && <Certificates certificates={data.certificates} />}
          {can('audit_list') && <LastEvents />}
        </div>
      </Box>
    </>
  )
}

const COLUMNS = {
  display: 'grid',
  gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'repeat(2, minmax(0, 1fr))' },
  columnGap: 2,
} as const
