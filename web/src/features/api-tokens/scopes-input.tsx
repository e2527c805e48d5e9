// What a token may do: everything, or operations chosen one by one or by their noun.

import Box from '@mui/material/Box'
import Checkbox from '@mui/material/Checkbox'
import FormControl from '@mui/material/FormControl'
import FormControlLabel from '@mui/material/FormControlLabel'
import FormHelperText from '@mui/material/FormHelperText'
import Stack from '@mui/material/Stack'
import Switch from '@mui/material/Switch'
import TextField from '@mui/material/TextField'
import { useState } from 'react'
import { useController } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { actionWords } from '../../api/action-words'
import { useActionName } from '../../i18n/use-action-name'
import { useMe } from '../../session/use-me'
import { findScopes, type OneScope, scopesOf, toggled } from './scopes'

export function ScopesInput({ name }: { name: string }) {
  const { t } = useTranslation(['apiTokens', 'common'])
  const { field, fieldState } = useController({ name })
  const nameOf = useActionName()
  const scopes = scopesOf(useMe().role)
  const [words, setWords] = useState('')
  const chosen: string[] = Array.isArray(field.value) ? field.value : []
  const all = chosen.includes('all')
  const groups = findScopes(scopes, words, nameOf)
  return (
    <FormControl component="fieldset" error={fieldState.error !== undefined}>
      <FormHelperText component="legend" sx={{ mx: 0, fontSize: '0.875rem' }}>
        {t('scopes.label')}
      </FormHelperText>
      <FormControlLabel label={t('scopes.all')} control={<Switch checked={all} onChange={(_, on) => field.onChange(on ? ['all'] : [])} slotProps={{ input: { ref: field.ref } }} />} />
      <FormHelperText sx={{ mx: 0 }}>{fieldState.error?.message ?? (all ? t('scopes.allHint') : t('scopes.chosen', { count: chosen.length }))}</FormHelperText>
      {!all && (
        <>
          <TextField
            type="search"
            placeholder={t('common:list.search')}
            value={words}
            onChange={(event) => setWords(event.target.value)}
            sx={{ my: 1 }}
            slotProps={{ htmlInput: { 'aria-label': t('scopes.search') } }}
          />
          <Box sx={{ maxHeight: '18rem', overflowY: 'auto', border: 1, borderColor: 'divider', borderRadius: 1, p: 1 }}>
            {groups.length === 0 && t('common:list.noMatch')}
            {groups.map(([noun, group]) => (
              <Group key={noun} noun={noun} group={group} chosen={chosen} onChange={field.onChange} />
            ))}
          </Box>
        </>
      )}
    </FormControl>
  )
}

function Group({ noun, group, chosen, onChange }: { noun: string; group: OneScope[]; chosen: string[]; onChange: (chosen: string[]) => void }) {
  const { t } = useTranslation('actions')
  const ticked = group.filter((scope) => chosen.includes(scope)).length
  return (
    <Box sx={{ mb: 1 }}>
      <FormControlLabel
        label={t(`noun.${noun}`, { defaultValue: noun })}
        slotProps={{ typography: { sx: { fontWeight: 600 } } }}
        control={<Checkbox size="small" checked={ticked === group.length} indeterminate={ticked > 0 && ticked < group.length} onChange={(_, on) => onChange(toggled(chosen, group, on))} />}
      />
      <Stack direction="row" sx={{ flexWrap: 'wrap', paddingInlineStart: 3 }}>
        {group.map((scope) => {
          const { verb } = actionWords(scope)
          return (
            <FormControlLabel
              key={scope}
              sx={{ width: { xs: '100%', sm: '48%' } }}
              label={t(`verb.${verb}`, { defaultValue: verb.replaceAll('_', ' ') })}
              control={<Checkbox size="small" checked={chosen.includes(scope)} onChange={(_, on) => onChange(toggled(chosen, [scope], on))} />}
            />
          )
        })}
      </Stack>
    </Box>
  )
}
