// A filter by user, found by searching on the server.

import Autocomplete from '@mui/material/Autocomplete'
import TextField from '@mui/material/TextField'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import type { FilterInput } from '../../list/list-toolbar'
import { userQuery } from './queries'
import { useUserSearch } from './use-user-search'

export function UserFilter({ label, value, onChange }: FilterInput) {
  const { t } = useTranslation()
  const chosen = useQuery({ ...userQuery(value), enabled: value !== '', retry: false }).data
  const search = useUserSearch()
  const known = [...(chosen ? [chosen] : []), ...search.found]
  const nameOf = (id: string) => known.find((user) => user.id === id)?.login ?? id.slice(0, 13)
  return (
    <Autocomplete
      options={[...new Set([...(value ? [value] : []), ...known.map(({ id }) => id)])]}
      value={value || null}
      onChange={(_, id) => onChange(id ?? '')}
      onInputChange={(_, text, reason) => search.type(reason === 'input' ? text : '')}
      filterOptions={(all) => all}
      getOptionLabel={nameOf}
      size="small"
      sx={{ flex: '0 1 14rem', minWidth: '11rem' }}
      loading={search.loading}
      loadingText={t('waiting')}
      noOptionsText={t('list.noMatch')}
      renderInput={(input) => <TextField {...input} label={label} />}
    />
  )
}
