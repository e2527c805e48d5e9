// Finds pages, acts, users, devices and networks by a few letters. For a screen reader it is a combobox with a list box
// (ARIA Authoring Practices, "combobox with list autocomplete"): the focus stays in the field.

/* oxlint-disable jsx-a11y/prefer-tag-over-role -- no element of HTML is a list that a field beside it controls */

import Search from '@mui/icons-material/Search'
import Box from '@mui/material/Box'
import Dialog from '@mui/material/Dialog'
import InputBase from '@mui/material/InputBase'
import LinearProgress from '@mui/material/LinearProgress'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { type KeyboardEvent, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { useMe } from '../../session/use-me'
import { type Entry, type Group, matching, pagesAndActs } from './entries'
import { useThings } from './things'

export function Palette({ onClose }: { onClose: () => void }) {
  const { t, i18n } = useTranslation()
  const { role } = useMe()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [place, setPlace] = useState(0)
  const listId = useId()
  const things = useThings(text)

  const groups = [...matching(pagesAndActs(role, t), text, i18n.language), ...things.groups]
  const entries = groups.flatMap((group) => group.entries)
  const active = entries[Math.min(place, entries.length - 1)]

  function go({ to }: Entry): void {
    onClose()
    void navigate(to)
  }
  function press(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && entries.length > 0) {
      event.preventDefault()
      setPlace((Math.min(place, entries.length - 1) + step + entries.length) % entries.length)
    }
    // While a word is being composed, as in Chinese, Enter belongs to the input method.
    if (event.key === 'Enter' && active && !event.nativeEvent.isComposing) {
      event.preventDefault()
      go(active)
    }
  }
  return (
    <Dialog open onClose={onClose} aria-label={t('palette.open')} sx={{ '& .MuiDialog-container': { alignItems: 'flex-start' } }} slotProps={{ paper: { sx: { mt: { xs: 2, sm: 10 } } } }}>
      <Stack direction="row" sx={{ px: 2, py: 1, gap: 1.5, alignItems: 'center', borderBottom: 1, borderColor: 'divider' }}>
        <Search color="action" />
        <InputBase
          autoFocus
          fullWidth
          value={text}
          placeholder={t('palette.hint')}
          onChange={(event) => {
            setText(event.target.value)
            setPlace(0)
          }}
          onKeyDown={press}
          inputProps={{
            role: 'combobox', 'aria-label': t('palette.open'), 'aria-expanded': true, 'aria-controls': listId, 'aria-autocomplete': 'list',
            'aria-activedescendant': active && `${listId}-${active.id}`, autoComplete: 'off', autoCapitalize: 'none', spellCheck: false, maxLength: 100,
          }}
        />
      </Stack>
      <Box sx={{ height: 2 }}>{things.busy && text.trim() !== '' && <LinearProgress sx={{ height: 2 }} aria-label={t('waiting')} />}</Box>
      <Box role="listbox" id={listId} aria-label={t('palette.found')} sx={{ overflowY: 'auto', maxHeight: '60dvh', p: 1 }}>
        {groups.map((group) => (
          <Options key={group.key} group={group} listId={listId} active={active} onPoint={(entry) => setPlace(entries.indexOf(entry))} onGo={go} />
        ))}
      </Box>
      <Typography component="output" color="text.secondary" sx={entries.length > 0 ? HIDDEN : { display: 'block', p: 3, pt: 1, textAlign: 'center' }}>
        {entries.length > 0 ? t('palette.count', { count: entries.length }) : things.busy ? '' : t('list.noMatch')}
      </Typography>
    </Dialog>
  )
}

const HIDDEN = { position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)', whiteSpace: 'nowrap' } as const

interface OptionsProps {
  group: Group
  listId: string
  active: Entry | undefined
  onPoint: (entry: Entry) => void
  onGo: (entry: Entry) => void
}

function Options({ group, listId, active, onPoint, onGo }: OptionsProps) {
  const { t } = useTranslation()
  const headingId = `${listId}-${group.key}`
  return (
    <Box role="group" aria-labelledby={headingId} sx={{ mb: 1 }}>
      <Typography id={headingId} variant="body2" color="text.secondary" sx={{ px: 1, py: 0.5 }}>
        {t(`palette.${group.key}`)}
      </Typography>
      {group.entries.map((entry) => {
        const chosen = entry.id === active?.id
        return (
          <Box
            key={entry.id}
            id={`${listId}-${entry.id}`}
            ref={chosen ? bringIntoView : undefined}
            role="option"
            aria-selected={chosen}
            onMouseMove={() => {
              if (!chosen) onPoint(entry)
            }}
            onClick={() => onGo(entry)}
            sx={{ px: 1, py: 0.75, borderRadius: 1, cursor: 'pointer', display: 'flex', gap: 1.5, alignItems: 'baseline', bgcolor: chosen ? 'action.selected' : 'transparent' }}
          >
            <Box component="span" sx={{ overflowWrap: 'anywhere' }}>
              {entry.text}
            </Box>
            {entry.note && (
              <Typography component="span" variant="body2" color="text.secondary" noWrap>
                {entry.note}
              </Typography>
            )}
          </Box>
        )
      })}
    </Box>
  )
}

function bringIntoView(option: HTMLElement | null): void {
  option?.scrollIntoView({ block: 'nearest' })
}
