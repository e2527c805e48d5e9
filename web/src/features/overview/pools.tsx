// How full the networks' pools of addresses are.

import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import type { Schema } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { PartBar } from '../../ui/part-bar'
import { Section } from '../../ui/parts'
import { Rows } from './rows'

type NetworkSummary = Schema<'NetworkSummaryView'>

const SHOWN = 8
const TONES = { normal: 'primary', high: 'warning', exhausted: 'error' } as const

export function Pools({ networks }: { networks: readonly NetworkSummary[] }) {
  const { t } = useTranslation('overview')
  const format = useFormats()
  const fullest = networks.filter(({ ipv4 }) => ipv4).toSorted((one, other) => share(other) - share(one))
  return (
    <Section title={t('pools')} actions={fullest.length > SHOWN && <Link component={RouterLink} to={paths.networks.list()}>{t('allNetworks', { count: fullest.length })}</Link>}>
      <Rows>
        {fullest.slice(0, SHOWN).map(({ id, name, ipv4 }) => (
          <Stack key={id} component="li" direction={{ xs: 'column', sm: 'row' }} sx={{ columnGap: 2, py: 1, alignItems: { sm: 'center' }, justifyContent: 'space-between' }}>
            <Link component={RouterLink} to={paths.networks.detail(id)} sx={{ fontWeight: 600, overflowWrap: 'anywhere' }}>
              {name}
            </Link>
            {ipv4 && (
              <PartBar
                label={t('poolOf', { name })}
                text={t('poolUse', { used: format.number(ipv4.used), most: format.number(ipv4.capacity) })}
                part={ipv4.used}
                whole={ipv4.capacity}
                tone={TONES[ipv4.pressure]}
              />
            )}
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}

function share({ ipv4 }: NetworkSummary): number {
  return ipv4 ? ipv4.used / ipv4.capacity : 0
}
