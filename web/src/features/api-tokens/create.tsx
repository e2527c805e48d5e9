import { useState } from 'react'
import { useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { z } from 'zod'

import { SCOPES } from '../../api/generated/words'
import { OneTimeSecret } from '../../app/one-time'
import { paths } from '../../app/paths'
import { MomentInput, SelectInput, TextInput } from '../../form/fields'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { listOf } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { endOf, LIFETIMES_D } from './lifetime'
import { createApiToken } from './queries'
import { ScopesInput } from './scopes-input'

export function Component() {
  const { t } = useTranslation(['apiTokens', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const [secret, setSecret] = useState<string>()
  const close = () => void navigate(paths.apiTokens.list())
  const form = useApiForm({
    schema: z
      .object({
        name: z.string().trim().min(1, t('common:form.needed')).max(64),
        scopes: z.array(z.enum(SCOPES)).min(1, t('scopes.needed')),
        allowed_from: z.string(),
        lifetime: z.string(),
        expires_at: z.string(),
      })
      // Without it the token would never end, which is another choice.
      .refine(({ lifetime, expires_at }) => lifetime !== 'own' || expires_at !== '', { path: ['expires_at'], message: t('common:form.needed') }),
    values: { name: '', scopes: [], allowed_from: '', lifetime: '90', expires_at: '' },
    send: async (values) => {
      const ranges = listOf(values.allowed_from)
      const made = await createApiToken({
        name: values.name.trim(),
        scopes: values.scopes,
        allowed_from: ranges.length === 0 ? null : ranges,
        expires_at: endOf(values.lifetime, values.expires_at, Date.now()),
      })
      await done(t('done.created', { name: made.name }))
      if (made.token) setSecret(made.token)
      else close()
    },
  })
  const lifetime = useWatch({ control: form.form.control, name: 'lifetime' })
  if (secret !== undefined) return <OneTimeSecret title={t('secretTitle')} text={t('secretText')} secret={secret} onClose={close} closesByAddress />
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={close}>
      <TextInput name="name" label={t('field.name')} hint={t('hint.name')} autoFocus autoComplete="off" />
      <ScopesInput name="scopes" />
      <SelectInput
        name="lifetime"
        label={t('field.expires')}
        options={[...LIFETIMES_D.map((days) => [days, t('lifetime.days', { count: Number(days) })] as const), ['never', t('lifetime.never')], ['own', t('lifetime.own')]]}
      />
      {lifetime === 'own' && <MomentInput name="expires_at" label={t('lifetime.until')} />}
      <TextInput name="allowed_from" ltr multiline minRows={2} label={t('field.allowedFrom')} hint={t('hint.allowedFrom')} placeholder="192.0.2.0/24" />
    </FormDialog>
  )
}
