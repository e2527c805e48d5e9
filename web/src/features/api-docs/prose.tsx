// The document's texts: paragraphs with `code` and **weight**, the little of Markdown that they use.

import Typography from '@mui/material/Typography'
import type { ReactNode } from 'react'

import { Code } from '../../ui/parts'

export function Prose({ text, small = false }: { text: string; small?: boolean }) {
  return text.split(/\n{2,}/).map((paragraph) => (
    <Typography key={paragraph} component="p" lang="en" dir="ltr" {...(small ? { variant: 'body2', color: 'text.secondary' } : { sx: { mb: 1 } })}>
      {inline(paragraph)}
    </Typography>
  ))
}

function inline(text: string): ReactNode[] {
  // Each piece is known by where it begins.
  let at = 0
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece) => {
    const key = at
    at += piece.length
    if (piece.startsWith('`') && piece.length > 1) return <Code key={key}>{piece.slice(1, -1)}</Code>
    if (piece.startsWith('**')) return <strong key={key}>{piece.slice(2, -2)}</strong>
    return piece
  })
}
