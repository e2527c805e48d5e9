// Chooses a user by searching.

import Autocomplete from '@mui/material/Autocomplete'
import TextField from '@mui/material/TextField'
import { useQuery } from '@tanstack/react-query'
import { useController } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import type { User } from '../../api/types'
import { userQuery } from './queries'
import { useUserSearch } from './use-user-search'

export function UserField({ name, label, hint }: { name: string; label: string; hint?: string }) {
  const { t } = useTranslation()
  const { field, fieldState } = useController({ name })
  const chosenId = String(field.value)
  const chosen = useQuery({ ...userQuery(chosenId), enabled: chosenId !== '' }).data
  const search = useUserSearch(wordsOf(chosen))
  const message = fieldState.error?.message
  const missing = chosen && !search.searching && !search.found.some(({ id }) => id === chosen.id)
  return (
    <Autocomplete<User, false, true>
      disableClearable
      options={[...(missing ? [chosen] : []), ...search.found]}
      // The box is empty for a moment, until the one who was chosen before is known.
      {...(chosen ? { value: chosen } : {})}
      key={chosen ? 'known' : 'unknown'}
      onChange={(_, user) => field.onChange(user.id)}
      onInputChange={(_, text) => search.type(text)}
      filterOptions={(all) => all}
      getOptionLabel={wordsOf}
      getOptionKey={({ id }) => id}
      isOptionEqualToValue={(one, other) => one.id === other.id}
      loading={search.loading}
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
