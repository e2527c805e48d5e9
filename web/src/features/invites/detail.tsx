import Delete from '@mui/icons-material/DeleteOutlined'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { UserName } from '../users/user-name'
import { deleteInvite, type Invite, inviteQuery } from './queries'

export function Component() {
  const { t } = useTranslation(['invites', 'common'])
  const { id = '' } = useParams()
  const { data: invite } = useSuspenseQuery(inviteQuery(id))
  const format = useFormats()
  const when = (moment: string | null | undefined) => (moment ? format.dateTime(moment) : t('common:never'))
  return (
    <>
      <PageHeader title={invite.email ?? t('unnamed')} chip={<StateChip state={invite.state} />} actions={<TakeBack invite={invite} />} />
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.role'), t(`common:role.${invite.role}`)],
            [t('field.deviceLimit'), typeof invite.device_limit === 'number' ? format.number(invite.device_limit) : t('common:noLimit')],
            [t('field.dataLimit'), invite.data_limit_bytes ? format.bytes(invite.data_limit_bytes) : t('common:noLimit')],
            [t('field.accountExpires'), when(invite.account_expires_at)],
            [t('field.createdBy'), <UserName key="by" id={invite.created_by} link />],
            [t('common:field.created'), when(invite.created_at)],
            [t('field.expires'), when(invite.expires_at)],
            [t('field.used'), invite.used_at ? when(invite.used_at) : undefined],
            [t('field.user'), invite.user_id ? <UserName key="user" id={invite.user_id} link /> : undefined],
          ]}
        />
      </Section>
    </>
  )
}

function TakeBack({ invite }: { invite: Invite }) {
  const { t } = useTranslation(['invites', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const label = t(invite.state === 'open' ? 'takeBack' : 'common:act.delete')

  async function remove(): Promise<void> {
    const text = t(invite.state === 'open' ? 'takeBackText' : 'deleteText')
    if (await confirmed({ title: `${label}?`, text, act: label, destructive: true }, () => deleteInvite(invite), t('done.deleted'))) await navigate(paths.invites.list())
  }
  return <Action variant="outlined" color="error" icon={<Delete />} label={label} disabledReason={forbidden('invite_delete')} onRun={() => void remove()} />
}
