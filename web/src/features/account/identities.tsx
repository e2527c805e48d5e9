// Links of one's account to identity providers, by which one signs in without the password.

import Button from '@mui/material/Button'
import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import ListItemText from '@mui/material/ListItemText'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { providersQuery } from '../../session/session'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { identitiesQuery, type Identity, linkIdentity, unlinkIdentity } from './queries'

export function IdentitiesPart() {
  const { t } = useTranslation('account')
  const providers = useQuery(providersQuery).data?.items ?? []
  const { data, error } = useQuery(identitiesQuery)
  const act = useAct()
  const linked = data?.items ?? []
  const nameOf = (identity: Identity) => providers.find(({ id }) => id === identity.identity_provider_id)?.name ?? t('identities.unknown')
  const open = providers.filter(({ id }) => !linked.some((each) => each.identity_provider_id === id))
  if (error) return <Section title={t('identities.title')}><Fault error={error} /></Section>
  if (!data || (open.length === 0 && linked.length === 0)) return null

  const link = (id: string) => void act(async () => location.assign((await linkIdentity(id)).url), { tone: 'info', text: t('identities.going') })
  return (
    <Section title={t('identities.title')}>
      <Typography>{t('identities.lead')}</Typography>
      <List disablePadding>
        {linked.map((identity) => <Row key={identity.id} identity={identity} provider={nameOf(identity)} />)}
      </List>
      <Stack direction="row" sx={{ gap: 1, flexWrap: 'wrap', mt: 1.5 }}>
        {open.map(({ id, name }) => (
          <Button key={id} variant="outlined" onClick={() => link(id)}>
            {t('identities.link', { name })}
          </Button>
        ))}
      </Stack>
    </Section>
  )
}

function Row({ identity, provider }: { identity: Identity; provider: string }) {
  const { t } = useTranslation(['account', 'common'])
  const format = useFormats()
  const confirmed = useConfirmed()

  async function remove(): Promise<void> {
    const question = { title: t('identities.removeTitle', { provider }), text: t('identities.removeText'), act: t('identities.remove'), name: provider, destructive: true }
    await confirmed(question, () => unlinkIdentity(identity), t('identities.removed', { provider }))
  }
  const used = identity.last_used_at ? format.ago(identity.last_used_at) : t('common:never')
  return (
    <ListItem divider disableGutters sx={{ gap: 1, flexWrap: 'wrap', '&:last-of-type': { borderBottom: 0 } }}>
      <ListItemText
        primary={provider}
        secondary={
          <>
            <bdi>{identity.subject}</bdi> · {t('identities.used', { used })}
            {identity.is_managed && ` · ${t('identities.managed')}`}
          </>
        }
      />
      <Action size="small" label={t('identities.remove')} onRun={() => void remove()} />
    </ListItem>
  )
}
