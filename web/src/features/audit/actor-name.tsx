import { useTranslation } from 'react-i18next'

import { UserName } from '../users/user-name'
import type { AuditEvent } from './queries'

/** Who it was: an account, a program with its token, the machine, or the service itself. */
export function ActorName({ event: { actor_kind, actor_id }, link = false }: { event: AuditEvent; link?: boolean }) {
  const { t } = useTranslation('audit')
  if (!actor_id) return t(`actor.${actor_kind}`, { defaultValue: actor_kind })
  return (
    <>
      <UserName id={actor_id} link={link} />
      {actor_kind === 'user' ? '' : ` (${t(`actor.${actor_kind}`, { defaultValue: actor_kind })})`}
    </>
  )
}
