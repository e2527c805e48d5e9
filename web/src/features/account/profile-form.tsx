// One's name, and where and in which language letters come. Another address wants the password, because a link for a new
// password is sent there.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import type { Me, Schema } from '../../api/types'
import { SelectInput, TextInput } from '../../form/fields'
import { Form, FormFault } from '../../form/form'
import { useApiForm } from '../../form/use-api-form'
import { changed, textOf } from '../../form/values'
import { LETTER_LANGUAGES } from '../../i18n/letter-languages'
import { meQuery } from '../../session/session'
import { useDone } from '../../ui/use-act'
import { updateMe } from './queries'

export function ProfileForm({ me }: { me: Me }) {
  const { t } = useTranslation(['account', 'common'])
  const client = useQueryClient()
  const done = useDone()
  const before = valuesOf(me)
  const api = useApiForm({
    schema: z.object({ display_name: z.string().max(100), email: z.string(), language: z.string(), current_password: z.string() }),
    values: { ...before, current_password: '' },
    send: async ({ current_password, ...values }) => {
      const changes = changed(bodyOf(before), bodyOf(values))
      const user = await updateMe(me, { ...changes, ...('email' in changes ? { current_password } : {}) })
      api.form.reset({ ...valuesOf(user), current_password: '' })
      client.setQueryData(meQuery.queryKey, (old) => old && { ...old, ...user })
      await done(t('common:done.saved'))
    },
  })
  const { getValues, setValue } = api.form
  const shown = useRef(me)
  // What changes elsewhere meanwhile is taken in, except where something was typed: only that is sent then.
  useEffect(() => {
    const [old, current] = [valuesOf(shown.current), valuesOf(me)]
    for (const field of ['display_name', 'email', 'language'] as const) {
      if (current[field] !== old[field] && getValues(field) === old[field]) setValue(field, current[field])
    }
    shown.current = me
  }, [me, shown, getValues, setValue])
  const moved = api.form.watch('email').trim() !== before.email
  return (
    <Form api={api}>
      <Stack sx={{ gap: 2, maxWidth: 520 }}>
        <FormFault api={api} />
        <TextInput name="display_name" label={t('field.displayName')} hint={t('hint.displayName')} autoComplete="name" />
        <TextInput
          name="email"
          inputMode="email"
          label={t('field.email')}
          hint={me.has_password ? t('hint.email') : t('hint.emailNoPassword')}
          disabled={!me.has_password}
          autoComplete="email"
          ltr
        />
        {moved && <TextInput name="current_password" type="password" label={t('field.currentPassword')} hint={t('hint.currentPassword')} autoComplete="current-password" />}
        <SelectInput name="language" label={t('field.language')} none={t('languageOfService')} options={LETTER_LANGUAGES} />
        <Button type="submit" variant="contained" loading={api.busy} sx={{ alignSelf: 'flex-start' }}>
          {t('common:act.save')}
        </Button>
      </Stack>
    </Form>
  )
}

function valuesOf({ display_name, email, language }: Pick<Me, 'display_name' | 'email' | 'language'>) {
  return { display_name, email: email ?? '', language: language ?? '' }
}

function bodyOf(values: { display_name: string; email: string; language: string }): Schema<'UpdateMe'> {
  return {
    display_name: values.display_name.trim(),
    email: textOf(values.email),
    // The options of the field are the API's.
    language: textOf(values.language) as Schema<'Language'> | null,
  }
}
