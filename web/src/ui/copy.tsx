// Text that one takes away: shown whole, copied by a button that says that it did.

import Check from '@mui/icons-material/Check'
import ContentCopy from '@mui/icons-material/ContentCopy'
import IconButton from '@mui/material/IconButton'
import Stack from '@mui/material/Stack'
import Tooltip from '@mui/material/Tooltip'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { Code } from './parts'

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation()
  const [done, setDone] = useState(false)
  const name = done ? t('copy.done') : (label ?? t('copy.copy'))
  return (
    <Tooltip title={name}>
      <IconButton
        size="small"
        aria-label={name}
        onClick={() => {
          void copy(text).then(setDone)
        }}
        onBlur={() => setDone(false)}
      >
        {done ? <Check fontSize="small" /> : <ContentCopy fontSize="small" />}
      </IconButton>
    </Tooltip>
  )
}

export function CopyText({ text, label }: { text: string; label?: string }) {
  return (
    <Stack direction="row" component="span" sx={{ display: 'inline-flex', gap: 0.5, alignItems: 'center' }}>
      <Code>{text}</Code>
      <CopyButton text={text} {...(label === undefined ? {} : { label })} />
    </Stack>
  )
}

/** Browsers give the clipboard to secure pages only; over plain HTTP the old way still works. */
export async function copy(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text)
    return true
  }
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}
