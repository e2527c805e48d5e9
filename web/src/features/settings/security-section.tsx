import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { ChecksInput } from '../../form/fields'
import type { Settings } from './queries'
import { SettingsSection } from './settings-section'
import { useSection } from './use-section'

const ROLES = ['owner', 'admin', 'operator', 'support', 'auditor', 'member'] as const

/** Who must have a second factor. */
export function SecuritySection({ settings }: { settings: Settings }) {
  const { t } = useTranslation(['settings', 'common'])
  const api = useSection(settings, {
    schema: z.object({ mfa_required_roles: z.array(z.enum(ROLES)) }),
    values: ({ mfa_required_roles }) => ({ mfa_required_roles: ROLES.filter((role) => mfa_required_roles.includes(role)) }),
    body: ({ mfa_required_roles }) => ({ mfa_required_roles: ROLES.filter((role) => mfa_required_roles.includes(role)) }),
  })
  return (
    <SettingsSection title={t('security.title')} api={api}>
      <ChecksInput name="mfa_required_roles" label={t('security.roles')} hint={t('security.rolesHint')} options={ROLES.map((role) => [role, t(`common:role.${role}`)] as const)} />
    </SettingsSection>
  )
}
