// The fields of a node, for making one and for changing one.

import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Node, Schema } from '../../api/types'
import { TextInput } from '../../form/fields'
import { numberOf, optionalNumber } from '../../form/values'

export type NodeValues = z.infer<ReturnType<typeof nodeSchema>>

export function nodeSchema(t: (key: string) => string) {
  return z.object({
    name: z.string().trim().min(1, t('form.needed')).max(64),
    location: z.string().trim().max(64),
    capacity: optionalNumber(t('form.number')),
  })
}

export function valuesOf(node: Node | undefined): NodeValues {
  return { name: node?.name ?? '', location: node?.location ?? '', capacity: node?.capacity?.toString() ?? '' }
}

export function bodyOf(values: NodeValues): Required<Schema<'CreateNode'>> {
  return { name: values.name.trim(), location: values.location.trim(), capacity: numberOf(values.capacity) }
}

export function NodeFields() {
  const { t } = useTranslation('nodes')
  return (
    <>
      <TextInput name="name" label={t('field.name')} autoFocus autoComplete="off" />
      <TextInput name="location" label={t('field.location')} hint={t('hint.location')} />
      <TextInput name="capacity" inputMode="numeric" label={t('field.capacity')} hint={t('hint.capacity')} />
    </>
  )
}
