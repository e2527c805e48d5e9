// A button with words that copies a text, and says whether it could.

import Check from '@mui/icons-material/Check'
import ContentCopy from '@mui/icons-material/ContentCopy'
import Button from '@mui/material/Button'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useCopy } from './copy'

export function CopyLabelled({ label, text, onCopied }: { label: string; text: string; onCopied?: () => void }) {
  const { t } = useTranslation()
  const copy = useCopy()
  const [done, setDone] = useState(false)
  async function run(): Promise<void> {
    const copied = await copy(text)
    setDone(copied)
    if (copied) onCopied?.()
  }
  return (
    <Button variant="outlined" color="inherit" startIcon={done ? <Check /> : <ContentCopy />} onClick={() => void run()} onBlur={() => setDone(false)}>
      <span aria-live="polite">{done ? t('copy.done') : label}</span>
    </Button>
  )
}
