// Filters that are typed: a text, a moment, or one of many words.

import Autocomplete from '@mui/material/Autocomplete'
import TextField from '@mui/material/TextField'

import { MomentField } from '../ui/moment-field'
import type { FilterInput } from './list-toolbar'

const WIDE = { flex: '0 1 13rem', minWidth: '9rem' } as const

/** A text that counts when it is left, or sent by Enter. */
export function TextFilter({ label, value, onChange, ltr = false }: FilterInput & { ltr?: boolean }) {
  return (
    // What stands in the address begins the field anew.
    <TextField
      key={value}
      label={label}
      defaultValue={value}
      onBlur={(event) => {
        if (event.target.value.trim() !== value) onChange(event.target.value.trim())
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && event.target instanceof HTMLInputElement) onChange(event.target.value.trim())
      }}
      sx={WIDE}
      slotProps={{ inputLabel: { shrink: true }, htmlInput: { spellCheck: false, autoCapitalize: 'none', ...(ltr ? { dir: 'ltr' } : {}) } }}
    />
  )
}

/** A moment in the reader's time; in the address it is RFC 3339 in UTC. */
export function MomentFilter({ label, value, onChange }: FilterInput) {
  return <MomentField label={label} value={value} onChange={onChange} sx={WIDE} />
}

/** One of many words, found by typing. */
export function WordFilter({ label, value, onChange, options, nameOf }: FilterInput & { options: readonly string[]; nameOf: (word: string) => string }) {
  return (
    <Autocomplete
      options={[...options]}
      value={value || null}
      onChange={(_, word) => onChange(word ?? '')}
      getOptionLabel={nameOf}
      isOptionEqualToValue={(option, word) => option === word}
      size="small"
      sx={{ flex: '0 1 17rem', minWidth: '11rem' }}
      renderInput={(params) => <TextField {...params} label={label} />}
    />
  )
}
