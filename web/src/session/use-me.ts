import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { reach } from '../api/access'
import type { Action, Me } from '../api/types'
import { meQuery } from './session'

/** The account that is signed in; only below the shell, which waits for it. */
export function useMe(): Me {
  return useSuspenseQuery(meQuery).data
}

/** Whether the role of who is signed in does this at all. */
export function useCan(): (action: Action) => boolean {
  const { role } = useMe()
  return (action) => reach(role, action) !== 'none'
}

/** Why the role of who is signed in does not do this; undefined where it does. */
export function useForbidden(): (action: Action) => string | undefined {
  const { t } = useTranslation()
  const can = useCan()
  return (action) => (can(action) ? undefined : t('notAllowed'))
}
