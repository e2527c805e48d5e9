import { useTranslation } from 'react-i18next'

import { faultText } from '../ui/fault'
import { useToast } from '../ui/toast'
import { signOut } from './session'
import { useForget } from './use-forget'

/** Signs out and leaves; who could not be signed out stays, and is told so: the session is still good. */
export function useSignOut(): () => Promise<void> {
  const { t } = useTranslation()
  const toast = useToast()
  const forget = useForget()
  return async () => {
    try {
      await signOut()
    } catch (error) {
      toast({ tone: 'error', text: faultText(error, t('fault.noAnswer')) })
      return
    }
    await forget()
  }
}
