// Search and filters of a list, as they stand in its address.

import Search from '@mui/icons-material/Search'
import InputAdornment from '@mui/material/InputAdornment'
import MenuItem from '@mui/material/MenuItem'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { ListParams } from './list-params'

export interface Filter {
  /** The API's name of it. */
  name: string
  label: string
  /** A few to choose from. */
  options?: readonly (readonly [value: string, text: string])[]
  /** A field of another kind, as for a date. It says what was chosen when that is whole; empty is no filter. */
  input?: (field: FilterInput) => ReactNode
}

export interface FilterInput {
  label: string
  value: string
  onChange: (value: string) => void
}

/** A pause in typing that is the end of a word. */
const PAUSE_MS = 250

export function ListToolbar({ filters, params, searchable }: { filters: Filter[]; params: ListParams; searchable: boolean }) {
  if (!searchable && filters.length === 0) return null
  return (
    <Stack direction="row" sx={{ p: 1.5, gap: 1.5, flexWrap: 'wrap' }}>
      {searchable && <SearchField params={params} />}
      {filters.map((filter) => (
        <FilterField key={filter.name} filter={filter} params={params} />
      ))}
    </Stack>
  )
}

function SearchField({ params }: { params: ListParams }) {
  const { t } = useTranslation()
  const asked = params.query.q ?? ''
  const [text, setText] = useState(asked)
  const [last, setLast] = useState(asked)
  if (asked !== last) {
    // The address was changed by something else, as by "back".
    setLast(asked)
    if (asked !== text.trim()) setText(asked)
  }
  useEffect(() => {
    if (text.trim() === asked) return undefined
    const timer = setTimeout(() => params.set({ q: text.trim() }), PAUSE_MS)
    return () => clearTimeout(timer)
  })
  return (
    <TextField
      type="search"
      placeholder={t('list.search')}
      value={text}
      onChange={(event) => setText(event.target.value)}
      sx={{ flex: '1 1 14rem', maxWidth: '28rem' }}
      slotProps={{
        htmlInput: { 'aria-label': t('list.search'), maxLength: 100 },
        input: {
          startAdornment: (
            <InputAdornment position="start">
              <Search fontSize="small" />
            </InputAdornment>
          ),
        },
      }}
    />
  )
}

function FilterField({ filter, params }: { filter: Filter; params: ListParams }) {
  const { t } = useTranslation()
  if (filter.input) return filter.input({ label: filter.label, value: params.query[filter.name] ?? '', onChange: (value) => params.set({ [filter.name]: value }) })
  return (
    <TextField
      select
      label={filter.label}
      value={params.query[filter.name] ?? ''}
      onChange={(event) => params.set({ [filter.name]: event.target.value })}
      sx={{ flex: { xs: '1 1 8rem', sm: '0 1 11rem' }, minWidth: '8rem' }}
      slotProps={{ inputLabel: { shrink: true }, select: { displayEmpty: true } }}
    >
      <MenuItem value="">{t('list.all')}</MenuItem>
      {filter.options?.map(([value, text]) => (
        <MenuItem key={value} value={value}>
          {text}
        </MenuItem>
      ))}
    </TextField>
  )
}
