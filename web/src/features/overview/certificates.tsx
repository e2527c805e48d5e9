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

export function Certificates({ certificates }: { certificates: readonly Schema<'CertificateSummaryView'>[] }) {
  const { t } = useTranslation('overview')
  const format = useFormats()
  return (
    <Section title={t('certificates')}>
      <Rows>
        {certificates.map(({ name, state, not_after }) => (
          <Stack key={name} component="li" direction="row" sx={{ gap: 2, py: 1, alignItems: 'center' }}>
            <Link component={RouterLink} to={paths.certificates.detail(name)} sx={{ fontWeight: 600, flexGrow: 1, overflowWrap: 'anywhere' }}>
              {name}
            </Link>
            {not_after && (
              <Typography variant="body2" color="text.secondary" title={format.dateTime(not_after)}>
                {t('ends', { when: format.ago(not_after) })}
              </Typography>
            )}
            <StateChip state={state} />
          </Stack>
        ))}
      </Rows>
    </Section>
  )
}
