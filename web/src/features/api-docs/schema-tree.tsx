// A schema as a tree: each field with its type, its rules and its meaning; fields of fields unfold.

import Box from '@mui/material/Box'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { Code } from '../../ui/parts'
import { type OpenApi, resolve, type Schema } from './document'
import { Prose } from './prose'

export function SchemaTree({ document, schema }: { document: OpenApi; schema: Schema }) {
  const { schema: whole } = resolve(document, schema)
  const inner = whole.items ? resolve(document, whole.items).schema : whole
  if (!inner.properties) return <Field document={document} schema={schema} />
  return <Fields document={document} schema={inner} />
}

function Fields({ document, schema }: { document: OpenApi; schema: Schema }) {
  return (
    <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0, '& > li': { py: 0.75, borderTop: 1, borderColor: 'divider' } }}>
      {Object.entries(schema.properties ?? {}).map(([name, part]) => (
        <li key={name}>
          <Field document={document} name={name} schema={part} required={schema.required?.includes(name) ?? false} />
        </li>
      ))}
    </Box>
  )
}

interface FieldProps {
  document: OpenApi
  schema: Schema
  name?: string
  required?: boolean
}

export function Field({ document, schema: asked, name, required = false }: FieldProps) {
  const { t } = useTranslation('docs')
  const [open, setOpen] = useState(false)
  const { schema, nullable } = resolve(document, asked)
  const inner = schema.items ? resolve(document, schema.items).schema : schema
  const folded = inner.properties !== undefined
  return (
    <>
      <Box dir="ltr" sx={{ display: 'flex', gap: 1, flexWrap: 'wrap', alignItems: 'baseline' }}>
        {name !== undefined && <Code>{name}</Code>}
        <Typography component="span" variant="body2" color="text.secondary">
          {[typeOf(document, asked), nullable ? t('orNull') : '', required ? t('required') : ''].filter(Boolean).join(' · ')}
        </Typography>
        <Typography component="span" variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
          {rulesOf(schema)}
        </Typography>
      </Box>
      {schema.description && <Prose small text={schema.description} />}
      {folded && (
        <Box component="details" onToggle={(event) => setOpen(event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open)} sx={{ mt: 0.5 }}>
          <Box component="summary" sx={{ cursor: 'pointer', fontSize: '0.875rem' }}>
            {t('fields')}
          </Box>
          {open && (
            <Box sx={{ paddingInlineStart: 2, borderInlineStart: 2, borderColor: 'divider', mt: 0.5 }}>
              <Fields document={document} schema={inner} />
            </Box>
          )}
        </Box>
      )}
    </>
  )
}

function typeOf(document: OpenApi, asked: Schema): string {
  const { schema } = resolve(document, asked)
  const type = [schema.type ?? []].flat().find((each) => each !== 'null') ?? 'any'
  if (schema.items) return `${typeOf(document, schema.items)}[]`
  return schema.format ? `${type} (${schema.format})` : type
}

/** The rules of a value, as mathematics writes them: the same in every language. */
function rulesOf(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema
  return [
    schema.enum?.map((each) => JSON.stringify(each)).join(' | '),
    range(minimum, maximum),
    bounds('length', minLength, maxLength),
    bounds('items', minItems, maxItems),
    schema.examples?.[0] !== undefined && typeof schema.examples[0] !== 'object' && !schema.enum ? `= ${JSON.stringify(schema.examples[0])}` : undefined,
  ]
    .filter(Boolean)
    .join('; ')
}

function range(from: number | undefined, to: number | undefined): string {
  if (from === undefined && to === undefined) return ''
  return `${from ?? '−∞'} … ${to === undefined || to > Number.MAX_SAFE_INTEGER ? '∞' : to}`
}

function bounds(what: string, from: number | undefined, to: number | undefined): string {
  const text = range(from, to)
  return text && `${what} ${text}`
}
