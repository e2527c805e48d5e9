// Text that one takes away: shown whole, copied by a button that says that it did.

import Check from '@mui/icons-material/Check'
import ContentCopy from '@mui/icons-material/ContentCopy'
import Button from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import Stack from '@mui/material/Stack'
import Tooltip from '@mui/material/Tooltip'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { Code } from './parts'
import { useToast } from './toast'

interface CopyProps {
  text: string
  label?: string
  onCopied?: () => void
}

export function CopyButton({ text, label, onCopied }: CopyProps) {
  const { t } = useTranslation()
  const { done, run, leave } = useCopied(text, onCopied)
  const name = done ? t('copy.done') : (label ?? t('copy.copy'))
  return (
    <Tooltip title={name}>
      <IconButton size="small" aria-label={name} onClick={run} onBlur={leave}>
        {done ? <Check fontSize="small" /> : <ContentCopy fontSize="small" />}
      </IconButton>
    </Tooltip>
  )
}

/** The same with its words on it. */
export function CopyLabelled({ text, label, onCopied }: CopyProps & { label: string }) {
  const { t } = useTranslation()
  const { done, run, leave } = useCopied(text, onCopied)
  return (
    <Button variant="outlined" color="inherit" startIcon={done ? <Check /> : <ContentCopy />} onClick={run} onBlur={leave}>
      <span aria-live="polite">{done ? t('copy.done') : label}</span>
    </Button>
  )
}

export function CopyText({ text, ...rest }: CopyProps) {
  return (
    <Stack direction="row" component="span" sx={{ display: 'inline-flex', gap: 0.5, alignItems: 'center' }}>
      <Code>{text}</Code>
      <CopyButton text={text} {...rest} />
    </Stack>
  )
}

/** A button that copies: it says that it did until it is left. */
function useCopied(text: string, onCopied: (() => void) | undefined) {
  const copy = useCopy()
  const [done, setDone] = useState(false)
  async function run(): Promise<void> {
    const copied = await copy(text)
    setDone(copied)
    if (copied) onCopied?.()
  }
  return { done, run: () => void run(), leave: () => setDone(false) }
}

/** Copies, and says where the browser would not; true where it did. */
export function useCopy(): (text: string) => Promise<boolean> {
  const { t } = useTranslation()
  const toast = useToast()
  return async (text) => {
    const copied = await write(text)
    if (!copied) toast({ tone: 'warning', text: t('copy.refused') })
    return copied
  }
}

/** Browsers give the clipboard to secure pages only, and not to each; the old way may work still. */
async function write(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // Refused, by the person or by a rule.
    }
  }
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}
