import Delete from '@mui/icons-material/DeleteOutlined'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { reach } from '../../api/access'
import { byNoun, actionWords } from '../../api/action-words'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useMe } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Code, Facts, PageHeader, Section } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { UserName } from '../users/user-name'
import { type ApiToken, apiTokenQuery, deleteApiToken } from './queries'

export function Component() {
  const { t } = useTranslation(['apiTokens', 'actions', 'common'])
  const { id = '' } = useParams()
  const { data: token } = useSuspenseQuery(apiTokenQuery(id))
  const format = useFormats()
  const when = (moment: string | null | undefined) => (moment ? format.dateTime(moment) : t('common:never'))
  const verbOf = (scope: string) => {
    const { verb } = actionWords(scope)
    return t(`actions:verb.${verb}`, { defaultValue: verb.replaceAll('_', ' ') })
  }
  return (
    <>
      <PageHeader title={token.name} actions={<Remove token={token} />} />
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.user'), <UserName key="user" id={token.user_id} />],
            [t('field.lastUsed'), when(token.last_used_at)],
            [t('field.expires'), when(token.expires_at)],
            [t('field.allowedFrom'), token.allowed_from ? <Code key="from">{token.allowed_from.join(', ')}</Code> : t('everywhere')],
            [t('common:field.created'), when(token.created_at)],
          ]}
        />
      </Section>
      <Section title={t('scopes.label')}>
        {token.scopes.includes('all') ? (
          t('scopes.allHint')
        ) : (
          <Facts facts={byNoun(token.scopes).map(([noun, scopes]) => [t(`actions:noun.${noun}`, { defaultValue: noun }), scopes.map(verbOf).join(', ')] as const)} />
        )}
      </Section>
    </>
  )
}

function Remove({ token }: { token: ApiToken }) {
  const { t } = useTranslation(['apiTokens', 'common'])
  const me = useMe()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const { name } = token
  const how = reach(me.role, 'api_token_delete')
  const whyNot = how === 'all' || (how === 'own' && token.user_id === me.id) ? undefined : t('common:notAllowed')

  async function remove(): Promise<void> {
    const question = { title: t('deleteTitle', { name }), text: t('deleteText'), act: t('common:act.delete'), name, destructive: true }
    if (await confirmed(question, () => deleteApiToken(token), t('done.deleted', { name }))) await navigate(paths.apiTokens.list())
  }
  return <Action variant="outlined" color="error" icon={<Delete />} label={t('common:act.delete')} disabledReason={whyNot} onRun={() => void remove()} />
}
