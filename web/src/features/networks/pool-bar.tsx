import { useTranslation } from 'react-i18next'

import type { Schema } from '../../api/types'
import { useFormats } from '../../i18n/use-formats'
import { PartBar } from '../../ui/part-bar'

const TONES = { normal: 'primary', high: 'warning', exhausted: 'error' } as const

/** How full an address pool is. */
export function PoolBar({ pool }: { pool: Schema<'PoolView'> }) {
  const { t } = useTranslation('networks')
  const format = useFormats()
  const numbers = t('used', { used: format.number(pool.used), capacity: roomy(pool.capacity) ? t('plenty') : format.number(pool.capacity) })
  const text = pool.pressure === 'normal' ? numbers : `${numbers} – ${t(`pressure.${pool.pressure}`)}`
  return <PartBar label={t('use', { range: pool.net })} text={text} part={pool.used} whole={pool.capacity} tone={TONES[pool.pressure]} />
}

/** More than anybody has devices, as in every IPv6 range: the number says nothing. */
function roomy(capacity: number): boolean {
  return capacity > 20_000_000
}
