// Fields of a form, bound by name. An empty text stands for "none"; forms turn it into null when they send.

import Checkbox from '@mui/material/Checkbox'
import FormControl from '@mui/material/FormControl'
import FormControlLabel from '@mui/material/FormControlLabel'
import FormHelperText from '@mui/material/FormHelperText'
import InputAdornment from '@mui/material/InputAdornment'
import MenuItem from '@mui/material/MenuItem'
import Switch from '@mui/material/Switch'
import TextField, { type TextFieldProps } from '@mui/material/TextField'
import type { ReactNode } from 'react'
import { useController } from 'react-hook-form'

import { MomentField } from '../ui/moment-field'

interface FieldProps {
  /** The name of the value, which is the API's own. */
  name: string
  label: string
  hint?: ReactNode
  disabled?: boolean
}

type Look = Pick<TextFieldProps, 'type' | 'autoComplete' | 'autoFocus' | 'multiline' | 'minRows' | 'placeholder' | 'required'>

function useField(name: string) {
  const { field, fieldState } = useController({ name })
  return { field, message: fieldState.error?.message }
}

export function TextInput({ name, label, hint, disabled, inputMode, end, ltr, ...look }: FieldProps & Look & { inputMode?: 'numeric' | 'decimal' | 'email' | 'url'; end?: ReactNode; ltr?: boolean }) {
  const { field, message } = useField(name)
  return (
    <TextField
      {...look}
      {...field}
      inputRef={field.ref}
      value={field.value ?? ''}
      label={label}
      disabled={disabled ?? false}
      error={message !== undefined}
      helperText={message ?? hint}
      slotProps={{
        htmlInput: { inputMode, autoCapitalize: 'none', spellCheck: false, ...(ltr ? { dir: 'ltr' } : {}) },
        input: end ? { endAdornment: <InputAdornment position="end">{end}</InputAdornment> } : {},
      }}
    />
  )
}

export function SelectInput({ name, label, hint, disabled, options, none }: FieldProps & { options: readonly (readonly [string, string])[]; none?: string }) {
  const { field, message } = useField(name)
  return (
    <TextField
      select
      {...field}
      inputRef={field.ref}
      value={field.value ?? ''}
      label={label}
      disabled={disabled ?? false}
      error={message !== undefined}
      helperText={message ?? hint}
      // What stands for "none" is said, not left blank.
      slotProps={none === undefined ? {} : { select: { displayEmpty: true }, inputLabel: { shrink: true } }}
    >
      {none !== undefined && <MenuItem value="">{none}</MenuItem>}
      {options.map(([value, text]) => (
        <MenuItem key={value} value={value}>
          {text}
        </MenuItem>
      ))}
    </TextField>
  )
}

export function SwitchInput({ name, label, hint, disabled }: FieldProps) {
  const { field, message } = useField(name)
  return (
    <FormControl error={message !== undefined}>
      <FormControlLabel
        control={<Switch checked={Boolean(field.value)} onChange={(_, on) => field.onChange(on)} onBlur={field.onBlur} slotProps={{ input: { ref: field.ref } }} />}
        label={label}
        disabled={disabled ?? false}
      />
      {(message ?? hint) && <FormHelperText sx={{ mx: 0 }}>{message ?? hint}</FormHelperText>}
    </FormControl>
  )
}

/** Several of a few: the value is the list of what is ticked. */
export function ChecksInput({ name, label, hint, options }: FieldProps & { options: readonly (readonly [string, string])[] }) {
  const { field, message } = useField(name)
  const chosen: string[] = Array.isArray(field.value) ? field.value : []
  return (
    <FormControl component="fieldset" error={message !== undefined}>
      <FormHelperText component="legend" sx={{ mx: 0, fontSize: '0.875rem' }}>
        {label}
      </FormHelperText>
      {options.map(([value, text]) => (
        <FormControlLabel
          key={value}
          label={text}
          control={
            <Checkbox
              size="small"
              checked={chosen.includes(value)}
              onChange={(_, on) => field.onChange(on ? [...chosen, value] : chosen.filter((other) => other !== value))}
            />
          }
        />
      ))}
      {(message ?? hint) && <FormHelperText sx={{ mx: 0 }}>{message ?? hint}</FormHelperText>}
    </FormControl>
  )
}

/** A moment, in the reader's own time; the value is RFC 3339 in UTC, or empty. */
export function MomentInput({ name, label, hint, disabled }: FieldProps) {
  const { field, message } = useField(name)
  return (
    <MomentField
      name={field.name}
      inputRef={field.ref}
      onBlur={field.onBlur}
      value={String(field.value ?? '')}
      onChange={field.onChange}
      label={label}
      disabled={disabled ?? false}
      error={message !== undefined}
      helperText={message ?? hint}
    />
  )
}
