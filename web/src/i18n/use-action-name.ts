import { useTranslation } from 'react-i18next'

import { actionWords } from '../api/action-words'

/** Names operations in the reader's language, as "Devices: create"; what has no words yet keeps its id. */
export function useActionName(): (action: string) => string {
  const { t } = useTranslation('actions')
  return (action) => {
    const { noun, verb } = actionWords(action)
    return t('named', { noun: t(`noun.${noun}`, { defaultValue: noun }), verb: t(`verb.${verb}`, { defaultValue: verb.replaceAll('_', ' ') }) })
  }
}
