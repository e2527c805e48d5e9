// A moment, in the reader's own time. What is typed stays as it is typed: on the way to a year of four digits it is a
// moment of the first centuries, which must not be written back.

import TextField, { type TextFieldProps } from '@mui/material/TextField'
import { useState } from 'react'

import { LAST_LOCAL, toLocal, toMoment } from '../lib/moment'

interface MomentFieldProps extends Pick<TextFieldProps, 'name' | 'inputRef' | 'onBlur' | 'label' | 'disabled' | 'error' | 'helperText' | 'sx'> {
  /** RFC 3339 in UTC, or empty. */
  value: string
  onChange: (moment: string) => void
}

export function MomentField({ value, onChange, onBlur, ...rest }: MomentFieldProps) {
  const [typed, setTyped] = useState(() => toLocal(value))
  const [last, setLast] = useState(value)
  // What was told while typing comes back as the value, sooner or later.
  const [told, setTold] = useState<readonly string[]>([])
  if (value !== last) {
    setLast(value)
    // Any other value comes from elsewhere, as by the browser's "back".
    if (!told.includes(value)) setTyped(toLocal(value))
  }
  return (
    <TextField
      {...rest}
      type="datetime-local"
      value={typed}
      onChange={(event) => {
        const moment = toMoment(event.target.value)
        setTyped(event.target.value)
        setTold([...told, moment])
        onChange(moment)
      }}
      onBlur={(event) => {
        setTold([])
        onBlur?.(event)
      }}
      slotProps={{ inputLabel: { shrink: true }, htmlInput: { max: LAST_LOCAL } }}
    />
  )
}
