// Chooses a user by searching: there may be thousands, so never all of them are asked for.

import Autocomplete from '@mui/material/Autocomplete'
import TextField from '@mui/material/TextField'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useController } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import type { Asked, User } from '../../api/types'
import { userQuery, users } from './queries'

const SHOWN = 20
/** A pause in typing that is the end of a word. */
const PAUSE_MS = 250

export function UserField({ name, label, hint }: { name: string; label: string; hint?: string }) {
  const { t } = useTranslation()
  const { field, fieldState } = useController({ name })
  const chosenId = String(field.value)
  const chosen = useQuery({ ...userQuery(chosenId), enabled: chosenId !== '' }).data
  const [typed, setTyped] = useState('')
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  // What the box says of the chosen one is not a search.
  const searching = asked !== '' && asked !== wordsOf(chosen)
  const found = useQuery({
    queryKey: [users.key, 'choices', searching ? asked : ''],
    queryFn: () => users.page({ ...(searching ? { q: asked } : {}), limit: SHOWN, sort: 'login' } as unknown as Asked),
    placeholderData: keepPreviousData,
  })
  const message = fieldState.error?.message
  const options = found.data?.items ?? []
  return (
    <Autocomplete<User, false, true>
      disableClearable
      options={chosen && !searching && !options.some(({ id }) => id === chosen.id) ? [chosen, ...options] : options}
      // The box is empty for a moment, until the one who was chosen before is known.
      {...(chosen ? { value: chosen } : {})}
      key={chosen ? 'known' : 'unknown'}
      onChange={(_, user) => field.onChange(user.id)}
      onInputChange={(_, text) => setTyped(text)}
      filterOptions={(all) => all}
      getOptionLabel={wordsOf}
      getOptionKey={({ id }) => id}
      isOptionEqualToValue={(one, other) => one.id === other.id}
      loading={found.isFetching}
      loadingText={t('waiting')}
      noOptionsText={t('list.noMatch')}
      renderInput={(input) => <TextField {...input} label={label} inputRef={field.ref} error={message !== undefined} helperText={message ?? hint} />}
    />
  )
}

function wordsOf(user: User | undefined): string {
  if (!user) return ''
  return user.display_name && user.display_name !== user.login ? `${user.login} (${user.display_name})` : user.login
}
