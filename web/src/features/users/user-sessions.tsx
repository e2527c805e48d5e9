// Where a user is signed in, and the way to end that.

import Button from '@mui/material/Button'
import Chip from '@mui/material/Chip'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { User } from '../../api/types'
import { useFormats } from '../../i18n/use-formats'
import { clientOf } from '../../lib/user-agent'
import { useMe } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Fault } from '../../ui/fault'
import { Section } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { endSession, type Session } from '../account/queries'
import { sessionsOfQuery } from './queries'

const SHOWN = 5

export function UserSessions({ user, whyNotEnd }: { user: User; whyNotEnd: string | undefined }) {
  const { t } = useTranslation('userSessions')
  const format = useFormats()
  const me = useMe()
  const confirmed = useConfirmed()
  const [all, setAll] = useState(false)
  const sessions = useQuery(sessionsOfQuery(user.id))
  const rows = sessions.data?.items ?? []

  function nameOf(userAgent: string): string {
    const { program, system } = clientOf(userAgent)
    return program && system ? t('programOn', { program, system }) : program || t('unnamed')
  }
  async function end(session: Session): Promise<void> {
    const question = { title: t('endTitle'), text: t('endText'), act: t('end'), destructive: true }
    await confirmed(question, () => endSession(session), t('ended'))
  }
  return (
    <Section title={t('title')}>
      {sessions.isError && <Fault error={sessions.error} onRetry={() => void sessions.refetch()} />}
      {sessions.isSuccess && rows.length === 0 && <Typography color="text.secondary">{t('none')}</Typography>}
      <Stack component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {rows.slice(0, all ? rows.length : SHOWN).map((session) => {
          const own = session.id === me.session_id
          return (
            <Stack key={session.id} component="li" direction="row" sx={{ py: 1, gap: 1.5, alignItems: 'center', borderTop: 1, borderColor: 'divider', '&:first-of-type': { borderTop: 0 } }}>
              <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
                <Typography noWrap title={session.user_agent}>
                  {nameOf(session.user_agent)}
                </Typography>
                <Typography variant="body2" color="text.secondary">
                  {t('used', { ago: format.ago(session.last_used_at), since: format.dateTime(session.created_at) })}
                </Typography>
              </Stack>
              {own ? (
                <Chip size="small" label={t('thisOne')} />
              ) : (
                <Action size="small" variant="outlined" color="inherit" label={t('end')} disabledReason={whyNotEnd} onRun={() => void end(session)} />
              )}
            </Stack>
          )
        })}
      </Stack>
      {!all && rows.length > SHOWN && (
        <Button size="small" sx={{ mt: 1 }} onClick={() => setAll(true)}>
          {t('all', { count: rows.length })}
        </Button>
      )}
    </Section>
  )
}
