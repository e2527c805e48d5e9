// One operation: folded to a line, and drawn in full when somebody opens it.

import Tag from '@mui/icons-material/Tag'
import Box from '@mui/material/Box'
import Chip from '@mui/material/Chip'
import IconButton from '@mui/material/IconButton'
import Stack from '@mui/material/Stack'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'

import { CopyButton } from '../../ui/copy'
import { Code } from '../../ui/parts'
import { curlOf } from './curl'
import type { OpenApi, Operation } from './document'
import { exampleOf } from './document'
import { Prose } from './prose'
import { Field, SchemaTree } from './schema-tree'
import { WhoMay } from './who-may'

const COLOURS = { GET: 'info', POST: 'success', PATCH: 'warning', PUT: 'warning', DELETE: 'error' } as const

export function OperationPart({ document, operation }: { document: OpenApi; operation: Operation }) {
  const { t } = useTranslation('docs')
  const { hash, search } = useLocation()
  const named = hash === `#${operation.id}`
  const [open, setOpen] = useState(named)
  const [last, setLast] = useState(named)
  const place = useRef<HTMLElement>(null)
  if (named !== last) {
    setLast(named)
    if (named) setOpen(true)
  }
  useEffect(() => {
    if (named) place.current?.scrollIntoView({ block: 'start' })
  }, [named])
  const { id, method, path, summary } = operation
  return (
    <Box ref={place} component="details" id={id} open={open} onToggle={(event) => setOpen(event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open)} sx={PART}>
      <Box component="summary" sx={{ cursor: 'pointer', px: 2, py: 1.25, display: 'flex', gap: 1.5, alignItems: 'center', flexWrap: 'wrap' }}>
        <Chip size="small" variant="outlined" label={method} color={method in COLOURS ? COLOURS[method as keyof typeof COLOURS] : 'default'} sx={{ minWidth: 68, fontWeight: 700 }} />
        <Typography component="h3" dir="ltr" sx={{ fontFamily: 'monospace', fontSize: '0.9375rem', overflowWrap: 'anywhere' }}>
          {path}
        </Typography>
        <Typography component="span" lang="en" variant="body2" color="text.secondary">
          {summary}
        </Typography>
      </Box>
      {open && (
        <Box sx={{ px: 2, pb: 2 }}>
          <Stack direction="row" sx={{ gap: 1, alignItems: 'center', mb: 1 }}>
            <Code>{id}</Code>
            <Tooltip title={t('anchor')}>
              <IconButton component={Link} to={`${search}#${id}`} size="small" aria-label={t('anchorOf', { name: id })}>
                <Tag fontSize="small" />
              </IconButton>
            </Tooltip>
          </Stack>
          <Details document={document} operation={operation} />
        </Box>
      )}
    </Box>
  )
}

function Details({ document, operation }: { document: OpenApi; operation: Operation }) {
  const { t } = useTranslation('docs')
  const curl = curlOf(document, operation, location.origin)
  return (
    <>
      {operation.description && <Prose text={operation.description} />}
      <Part title={t('whoMay')}>
        <WhoMay operation={operation} />
      </Part>
      {operation.parameters.length > 0 && (
        <Part title={t('parameters')}>
          <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0, '& > li': { py: 0.75, borderTop: 1, borderColor: 'divider' } }}>
            {operation.parameters.map(({ name, in: where, required = false, schema = {}, description }) => (
              <li key={`${where} ${name}`}>
                <Field document={document} name={`${name} (${where})`} required={required} schema={description ? { ...schema, description } : schema} />
              </li>
            ))}
          </Box>
        </Part>
      )}
      {operation.body && (
        <Part title={t('body')}>
          <SchemaTree document={document} schema={operation.body} />
        </Part>
      )}
      {operation.answers.map(({ status, description, type, schema }) => (
        <Part key={status} title={t('answer', { status })}>
          <Prose small text={[description, type && type !== 'application/json' ? `\`${type}\`` : ''].filter(Boolean).join(' ')} />
          {schema && <SchemaTree document={document} schema={schema} />}
          {schema && <Listing label={t('example')} text={JSON.stringify(exampleOf(document, schema), undefined, 2)} />}
        </Part>
      ))}
      <Part title={t('refusals')}>
        <Box component="dl" lang="en" dir="ltr" sx={{ m: 0, display: 'grid', gridTemplateColumns: 'max-content 1fr', columnGap: 2, rowGap: 0.5, fontSize: '0.875rem' }}>
          {operation.refusals.map(({ status, description }) => (
            <Box key={status} sx={{ display: 'contents' }}>
              <Box component="dt" sx={{ fontWeight: 600 }}>{status}</Box>
              <Box component="dd" sx={{ m: 0, color: 'text.secondary' }}>{description}</Box>
            </Box>
          ))}
        </Box>
      </Part>
      <Part title={t('request')}>
        <Listing label={t('request')} text={curl} copied />
      </Part>
    </>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Box sx={{ mt: 2 }}>
      <Typography component="h4" sx={{ fontWeight: 650, mb: 0.5 }}>
        {title}
      </Typography>
      {children}
    </Box>
  )
}

/** Long lines are moved by the keyboard, too, so the box takes the focus. */
function Listing({ label, text, copied = false }: { label: string; text: string; copied?: boolean }) {
  return (
    <Box sx={{ position: 'relative', mt: 1 }}>
      <Box component="section" dir="ltr" tabIndex={0} aria-label={label} sx={{ m: 0, p: 1.5, pr: 6, fontFamily: 'monospace', whiteSpace: 'pre', bgcolor: 'background.default', border: 1, borderColor: 'divider', borderRadius: 1, overflowX: 'auto', fontSize: '0.8125rem', maxHeight: 360 }}>
        {text}
      </Box>
      {copied && (
        <Box sx={{ position: 'absolute', top: 4, insetInlineEnd: 4 }}>
          <CopyButton text={text} />
        </Box>
      )}
    </Box>
  )
}

const PART = { borderTop: 1, borderColor: 'divider', scrollMarginTop: 64 } as const
