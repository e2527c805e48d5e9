// The API's documentation, drawn from the document that the server writes of itself.

import Download from '@mui/icons-material/Download'
import Search from '@mui/icons-material/Search'
import Button from '@mui/material/Button'
import Card from '@mui/material/Card'
import InputAdornment from '@mui/material/InputAdornment'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { queryOptions, useSuspenseQuery } from '@tanstack/react-query'
import { useDeferredValue, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { api, take } from '../../api/client'
import { Empty, PageHeader, Section } from '../../ui/parts'
import { saveFile } from '../../ui/save'
import { found, groupsOf, type OpenApi } from './document'
import { OperationPart } from './operation-part'
import { Prose } from './prose'

const documentQuery = queryOptions({
  queryKey: ['openapi'],
  // The document is described as an object and nothing more; what is in it, the server's own tests say.
  queryFn: async () => (await take(api.GET('/openapi.json'))) as unknown as OpenApi,
  staleTime: Number.POSITIVE_INFINITY,
})

export function Component() {
  const { t } = useTranslation(['docs', 'common'])
  const { data: document } = useSuspenseQuery(documentQuery)
  const groups = useMemo(() => groupsOf(document), [document])
  const [text, setText] = useState('')
  const shown = found(groups, useDeferredValue(text))
  return (
    <>
      <PageHeader
        title={t('title')}
        lead={t('lead', { version: document.info.version })}
        actions={
          <Button variant="outlined" color="inherit" startIcon={<Download />} onClick={() => saveFile('openapi.json', 'application/json', JSON.stringify(document, undefined, 2))}>
            {t('save')}
          </Button>
        }
      />
      {document.info.description && (
        <Section title={t('about')}>
          <Prose text={document.info.description} />
        </Section>
      )}
      <TextField
        type="search"
        value={text}
        placeholder={t('search')}
        onChange={(event) => setText(event.target.value)}
        sx={{ mb: 2, maxWidth: '32rem', bgcolor: 'background.paper' }}
        slotProps={{
          htmlInput: { 'aria-label': t('search'), maxLength: 100 },
          input: {
            startAdornment: (
              <InputAdornment position="start">
                <Search fontSize="small" />
              </InputAdornment>
            ),
          },
        }}
      />
      {shown.length === 0 && <Empty title={t('common:list.noMatch')} />}
      {shown.map(({ tag, description, operations }) => (
        <Card key={tag} component="section" sx={{ mb: 2 }}>
          <Typography variant="h2" sx={{ px: 2, pt: 2 }}>
            {tag}
          </Typography>
          <Typography lang="en" color="text.secondary" sx={{ px: 2, pb: 1 }}>
            {description}
          </Typography>
          {operations.map((operation) => (
            <OperationPart key={operation.id} document={document} operation={operation} />
          ))}
        </Card>
      ))}
    </>
  )
}
