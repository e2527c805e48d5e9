import Box from '@mui/material/Box'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import type { Schema } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { Section, StateChip } from '../../ui/parts'
import { Rows } from './rows'

/** Whole lists are a page of their own. */
const SHOWN = 8

export function Nodes({ nodes }: { nodes: readonly Schema<'NodeSummaryView'>[] }) {
  const { t } = useTranslation('overview')
  const format = useFormats()
  // Who is unwell comes first, else a long list would hide it.
  const sorted = nodes.toSorted((one, other) => Number(isWell(one)) - Number(isWell(other)))
  return (
    <Section title={t('nodes')} actions={nodes.length > SHOWN && <Link component={RouterLink} to={paths.nodes.list()}>{t('allNodes', { count: nodes.length })}</Link>}>
      <Rows>
        {sorted.slice(0, SHOWN).map((node) => (
          <Stack key={node.id} component="li" direction="row" sx={{ gap: 2, py: 1, alignItems: 'center' }}>
            <Box sx={{ flexGrow: 1, minWidth: 0 }}>
              <Link component={RouterLink} to={paths.nodes.detail(node.id)} sx={{ fontWeight: 600, overflowWrap: 'anywhere' }}>
                {node.name}
              </Link>
              <Typography variant="body2" color="text.secondary">
                {node.capacity ? t('onlineOf', { count: node.online_devices, most: format.number(node.capacity) }) : t('onlineHere', { count: node.online_devices })}
                {node.rx_bytes_per_s + node.tx_bytes_per_s > 0 && ` · ${format.rate(node.rx_bytes_per_s + node.tx_bytes_per_s)}`}
              </Typography>
              {node.problems.map((problem) => (
                <Typography key={problem} variant="body2" color="warning.main" lang="en">
                  {problem}
                </Typography>
              ))}
            </Box>
            <StateChip state={node.state} />
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}

function isWell({ state, problems }: Schema<'NodeSummaryView'>): boolean {
  return state !== 'offline' && problems.length === 0
}
