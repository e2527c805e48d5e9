// What runs here: version, database, node, and where more is to be read.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Link from '@mui/material/Link'
import { useSuspenseQuery } from '@tanstack/react-query'
import { Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { CopyText } from '../../ui/copy'
import { Facts, PageHeader, Section, Waiting } from '../../ui/parts'
import { Notices } from './notices'
import { systemQuery } from './queries'

export function Component() {
  const { t } = useTranslation(['about', 'common'])
  const { data: system } = useSuspenseQuery(systemQuery)
  const format = useFormats()
  const counts = Object.entries(system.devices).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return (
    <>
      <PageHeader title={t('title')} />
      {system.node?.problems.map((problem) => (
        <Alert key={problem} severity="warning" sx={{ mb: 2 }}>
          {problem}
        </Alert>
      ))}
      <Section title="CasperVPN">
        <Facts
          facts={[
            [t('version'), <CopyText key="version" text={system.version} />],
            [t('database'), system.database === 'postgres' ? 'PostgreSQL' : 'SQLite'],
            [t('backend'), system.node?.backend],
            [t('devices'), counts.map(([state, count]) => <div key={state}>{`${t(`common:state.${state}`, { defaultValue: state })}: ${format.number(count)}`}</div>)],
            [t('licence'), 'Apache-2.0'],
          ]}
        />
      </Section>
      <Section title={t('more')}>
        <Facts
          facts={[
            [t('api'), <Link key="api" component={RouterLink} to={paths.docs()}>{t('apiText')}</Link>],
            [t('manual'), <CopyText key="manual" text="man caspervpn" />],
            [t('health'), <CopyText key="health" text="caspervpn doctor" />],
            [t('notices'), <CopyText key="notices" text="/usr/share/doc/caspervpn/third-party-notices.txt.gz" />],
          ]}
        />
      </Section>
      <PanelLicences />
    </>
  )
}

function PanelLicences() {
  const { t } = useTranslation('about')
  const [shown, setShown] = useState(false)
  return (
    <Section title={t('panelLicences')}>
      {shown ? (
        <Suspense fallback={<Waiting />}>
          <Notices />
        </Suspense>
      ) : (
        <Button variant="outlined" onClick={() => setShown(true)}>
          {t('showLicences')}
        </Button>
      )}
    </Section>
  )
}
