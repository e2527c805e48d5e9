// A password that is made up here: it can be looked at, and its length is told while it is typed.

import Visibility from '@mui/icons-material/Visibility'
import VisibilityOff from '@mui/icons-material/VisibilityOff'
import IconButton from '@mui/material/IconButton'
import { useState } from 'react'
import { useWatch } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { PASSWORD, passwordLength } from '../lib/password'
import { TextInput } from './fields'

/** The rule of a new password, for a form's schema. The words are those of the namespace `links`. */
export function newPassword(t: (key: string, values?: Record<string, unknown>) => string) {
  return z
    .string()
    .refine((text) => passwordLength(text) !== 'short', t('links:password.tooShort', { count: PASSWORD.leastCharacters }))
    .refine((text) => passwordLength(text) !== 'long', t('links:password.tooLong'))
}

export function NewPasswordInput({ name, label, autoFocus = false }: { name: string; label: string; autoFocus?: boolean }) {
  const { t } = useTranslation('links')
  const [shown, setShown] = useState(false)
  const written = String(useWatch({ name }) ?? '')
  const toggle = shown ? t('password.hide') : t('password.show')
  return (
    <TextInput
      name={name}
      label={label}
      type={shown ? 'text' : 'password'}
      autoComplete="new-password"
      autoFocus={autoFocus}
      ltr
      hint={hint(written)}
      end={
        <IconButton size="small" edge="end" aria-label={toggle} aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? <VisibilityOff fontSize="small" /> : <Visibility fontSize="small" />}
        </IconButton>
      }
    />
  )

  function hint(text: string): string {
    if (text === '') return t('password.hint')
    const length = passwordLength(text)
    if (length === 'short') return t('password.count', { count: [...text].length, least: PASSWORD.leastCharacters })
    return length === 'long' ? t('password.tooLong') : t('password.good')
  }
}
