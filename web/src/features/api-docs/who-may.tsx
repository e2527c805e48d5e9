// Which roles an operation is for, from the server's own table.

import Chip from '@mui/material/Chip'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'

import { reach } from '../../api/access'
import { ACCESS } from '../../api/generated/access'
import type { Action, Role } from '../../api/types'
import type { Operation } from './document'

const ROLES: readonly Role[] = ['owner', 'admin', 'operator', 'support', 'auditor', 'member']

export function WhoMay({ operation: { id, open } }: { operation: Operation }) {
  const { t } = useTranslation(['docs', 'common'])
  if (open) return <Typography variant="body2">{t('everybody')}</Typography>
  if (!isAction(id)) return <Typography variant="body2">{t('signedIn')}</Typography>
  return (
    <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
      {ROLES.filter((role) => reach(role, id) !== 'none').map((role) => (
        <Chip key={role} size="small" label={reach(role, id) === 'own' ? t('own', { role: t(`common:role.${role}`) }) : t(`common:role.${role}`)} />
      ))}
    </Stack>
  )
}

function isAction(id: string): id is Action {
  return id in ACCESS
}
