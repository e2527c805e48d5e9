// A filter by user, found by searching on the server.

import Autocomplete from '@mui/material/Autocomplete'
import TextField from '@mui/material/TextField'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { Asked } from '../../api/types'
import type { FilterInput } from '../../list/list-toolbar'
import { userQuery, users } from './queries'

const SHOWN = 20
/** A pause in typing that is the end of a word. */
const PAUSE_MS = 250

export function UserFilter({ label, value, onChange }: FilterInput) {
  const { t } = useTranslation()
  const chosen = useQuery({ ...userQuery(value), enabled: value !== '', retry: false }).data
  const [typed, setTyped] = useState('')
  const [asked, setAsked] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed.trim()), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const found = useQuery({
    queryKey: [users.key, 'filter', asked],
    queryFn: () => users.page({ ...(asked ? { q: asked } : {}), limit: SHOWN, sort: 'login' } as unknown as Asked),
    placeholderData: keepPreviousData,
  })
  const known = [...(chosen ? [chosen] : []), ...(found.data?.items ?? [])]
  const nameOf = (id: string) => known.find((user) => user.id === id)?.login ?? id.slice(0, 13)
  return (
    <Autocomplete
      options={[...new Set([...(value ? [value] : []), ...known.map(({ id }) => id)])]}
      value={value || null}
      onChange={(_, id) => onChange(id ?? '')}
      onInputChange={(_, text, reason) => setTyped(reason === 'input' ? text : '')}
      filterOptions={(all) => all}
      getOptionLabel={nameOf}
      size="small"
      sx={{ flex: '0 1 14rem', minWidth: '11rem' }}
      loading={found.isFetching}
      loadingText={t('waiting')}
      noOptionsText={t('list.noMatch')}
      renderInput={(input) => <TextField {...input} label={label} />}
    />
  )
}
