// Where one is signed in, and the way to end it.

import Chip from '@mui/material/Chip'
import Link from '@mui/material/Link'
import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { clientOf } from '../../lib/user-agent'
import { useMe } from '../../session/use-me'
import { useSignOut } from '../../session/use-sign-out'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Section, Waiting } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { AccountFrame } from './frame'
import { endOtherSessions, endSession, type Session, sessionsQuery } from './queries'

export function Component() {
  const { t } = useTranslation(['account', 'common'])
  const me = useMe()
  const confirmed = useConfirmed()
  const { data, error, refetch } = useQuery(sessionsQuery)
  const others = data?.items.filter(({ id }) => id !== me.session_id).length ?? 0

  async function endOthers(): Promise<void> {
    const question = { title: t('sessions.endOthers'), text: t('sessions.endOthersText', { count: others }), act: t('sessions.endOthers'), destructive: true }
    await confirmed(question, endOtherSessions, t('sessions.othersEnded'))
  }
  return (
    <AccountFrame title={t('common:account.sessions')}>
      <Section
        title={t('sessions.title')}
        actions={<Action variant="outlined" label={t('sessions.endOthers')} disabledReason={others > 0 ? undefined : t('sessions.noOthers')} onRun={() => void endOthers()} />}
      >
        <Typography color="text.secondary">{t('sessions.lead')}</Typography>
        {error && <Fault error={error} onRetry={() => void refetch()} />}
        {!error && !data && <Waiting />}
        <List disablePadding>
          {data?.items.map((session) => <Row key={session.id} session={session} isThis={session.id === me.session_id} />)}
        </List>
      </Section>
      <Section title={t('tokens.title')}>
        <Typography sx={{ mb: 1 }}>{t('tokens.text')}</Typography>
        <Link component={RouterLink} to={paths.apiTokens.list()}>
          {t('tokens.go')}
        </Link>
      </Section>
    </AccountFrame>
  )
}

function Row({ session, isThis }: { session: Session; isThis: boolean }) {
  const { t } = useTranslation(['account', 'common'])
  const format = useFormats()
  const act = useAct()
  const signOut = useSignOut()
  const { program, system } = clientOf(session.user_agent)
  const name = program && system ? t('sessions.programOn', { program, system }) : program || t('sessions.unknown')

  async function end(): Promise<void> {
    if (isThis) await signOut()
    else await act(() => endSession(session), t('sessions.ended', { name }))
  }
  return (
    <ListItem divider disableGutters sx={{ gap: 1, flexWrap: 'wrap', '&:last-of-type': { borderBottom: 0 } }}>
      <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center', flexWrap: 'wrap' }}>
          <Typography sx={{ fontWeight: 600 }} title={session.user_agent}>
            {name}
          </Typography>
          {isThis && <Chip size="small" color="primary" variant="outlined" label={t('sessions.this')} />}
        </Stack>
        <Typography variant="body2" color="text.secondary">
          {t('sessions.times', { since: format.dateTime(session.created_at), used: format.ago(session.last_used_at) })}
        </Typography>
        <Typography variant="body2" color="text.secondary">
          {t('sessions.until', { until: format.dateTime(session.expires_at) })}
        </Typography>
      </Stack>
      <Action size="small" label={isThis ? t('common:account.signOut') : t('sessions.end')} onRun={() => void end()} />
    </ListItem>
  )
}
