import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { useMe } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Facts, Section } from '../../ui/parts'
import { saveFile } from '../../ui/save'
import { useAct } from '../../ui/use-act'
import { AccountFrame } from './frame'
import { LeaveDialog } from './leave-dialog'
import { ProfileForm } from './profile-form'
import { exportMe } from './queries'
import { UsagePart } from './usage'

export function Component() {
  const { t } = useTranslation(['account', 'common'])
  const me = useMe()
  const format = useFormats()
  return (
    <AccountFrame title={t('tab.profile')}>
      <Section title={t('about')}>
        <Stack sx={{ gap: 3 }}>
          <Facts
            facts={[
              [t('field.login'), me.login],
              [t('field.role'), t(`common:role.${me.role}`)],
              [t('common:field.created'), format.date(me.created_at)],
              [t('field.expires'), me.expires_at ? format.dateTime(me.expires_at) : undefined],
            ]}
          />
          <ProfileForm me={me} />
        </Stack>
      </Section>
      <UsagePart />
      <DataPart />
    </AccountFrame>
  )
}

function DataPart() {
  const { t } = useTranslation(['account', 'common'])
  const me = useMe()
  const act = useAct()
  const [leaving, setLeaving] = useState(false)
  const save = async () => saveFile(`caspervpn-${me.login}.json`, 'application/json', JSON.stringify(await exportMe(), undefined, 2))
  return (
    <Section title={t('data.title')}>
      <Typography sx={{ mb: 2 }}>{t('data.text')}</Typography>
      <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap' }}>
        <Action variant="outlined" label={t('data.export')} onRun={() => void act(save, t('data.exported'))} />
        <Action
          variant="outlined"
          color="error"
          label={t('leave.open')}
          disabledReason={me.has_password ? undefined : t('leave.noPassword')}
          onRun={() => setLeaving(true)}
        />
      </Stack>
      {leaving && <LeaveDialog login={me.login} onClose={() => setLeaving(false)} />}
    </Section>
  )
}
