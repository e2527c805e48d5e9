// Saves all of a list as it is asked for, of which the page shows a part.

import FileDownload from '@mui/icons-material/FileDownload'
import Button from '@mui/material/Button'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import type { Asked, ListSource } from '../api/types'
import { faultText } from '../ui/fault'
import { saveFile } from '../ui/save'
import { useToast } from '../ui/toast'
import { type CsvColumn, everyRow, toCsv } from './csv'
import { useListParams } from './list-params'

export interface CsvFile<Row> {
  fileName: string
  columns: CsvColumn<Row>[]
}

export function CsvButton<Row>({ fileName, columns, source }: CsvFile<Row> & { source: ListSource<Row> }) {
  const { t } = useTranslation()
  const toast = useToast()
  const { after: _, ...asked } = useListParams().query
  const [fetched, setFetched] = useState<number>()

  async function save(): Promise<void> {
    setFetched(0)
    try {
      const rows = await everyRow(asked as Asked, source.page, setFetched)
      saveFile(fileName, 'text/csv;charset=utf-8', toCsv(rows, columns))
    } catch (error) {
      toast({ tone: 'error', text: faultText(error, t('fault.noAnswer')) })
    } finally {
      setFetched(undefined)
    }
  }
  return (
    <Button startIcon={<FileDownload />} variant="outlined" color="inherit" disabled={fetched !== undefined} onClick={() => void save()}>
      {fetched ? t('list.fetched', { count: fetched }) : t('list.csv')}
    </Button>
  )
}
