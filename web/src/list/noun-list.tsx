// The list of a noun: search, filters, order and place in the address; rows chosen for acts on many; a file of all of it.
// On a narrow screen rows are cards.

import Add from '@mui/icons-material/Add'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Card from '@mui/material/Card'
import Stack from '@mui/material/Stack'
import useMediaQuery from '@mui/material/useMediaQuery'
import { type GridColDef, DataGrid, type GridRowSelectionModel } from '@mui/x-data-grid'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, Outlet, useNavigate } from 'react-router'

import type { Asked, ListSource } from '../api/types'
import { Action } from '../ui/action'
import { Fault } from '../ui/fault'
import { Empty, PageHeader } from '../ui/parts'
import { type BulkAct, BulkBar } from './bulk-bar'
import { CsvButton, type CsvFile } from './csv-button'
import { gridWords } from './grid-words'
import { ROWS, useListParams } from './list-params'
import { type Filter, ListToolbar } from './list-toolbar'

export interface Column<Row> {
  key: string
  header: string
  render: (row: Row) => ReactNode
  /** The API's word for this order, where it has one. */
  sort?: string
  /** Share of the width that is left over; `width` is in pixels. */
  flex?: number
  width?: number
  align?: 'left' | 'right'
}

export interface NounListProps<Row extends { id: string }> {
  title: string
  lead?: ReactNode
  source: ListSource<Row>
  columns: Column<Row>[]
  filters?: Filter[]
  bulk?: BulkAct<Row>[]
  rowPath?: (row: Row) => string
  /** What a click on a row does where it has no page; `rowActions` must offer the same to the keyboard. */
  onRow?: (row: Row) => void
  /** What a row says on a narrow screen. */
  card: (row: Row) => ReactNode
  /** Acts on one row, at its end. */
  rowActions?: (row: Row) => ReactNode
  create?: { label: string; to: string; disabledReason?: string | undefined }
  csv: CsvFile<Row>
  actions?: ReactNode
  empty: { title: string; text: string }
  searchable?: boolean
}

export function NounList<Row extends { id: string }>(props: NounListProps<Row>) {
  const params = useListParams()
  const { key, page: fetchPage } = props.source
  const page = useQuery({
    queryKey: [key, 'list', params.query],
    queryFn: () => fetchPage({ ...params.query, limit: ROWS } as Asked),
    placeholderData: keepPreviousData,
  })
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const narrow = useMediaQuery((theme) => theme.breakpoints.down('sm'))

  const rows = page.data?.items ?? []
  const chosenRows = rows.filter((row) => chosen.has(row.id))
  const nothing = page.data !== undefined && rows.length === 0
  const shown = { rows, chosen, onChoose: setChosen, loading: page.isFetching, params, ...props }
  return (
    <>
      <PageHeader title={props.title} lead={props.lead} actions={<HeaderActions {...props} />} />
      <Card>
        <ListToolbar filters={props.filters ?? []} params={params} searchable={props.searchable ?? true} />
        {props.bulk && <BulkBar rows={chosenRows} acts={props.bulk} onDone={() => setChosen(new Set())} />}
        {page.isError && <Box sx={{ p: 2 }}><Fault error={page.error} onRetry={() => void page.refetch()} /></Box>}
        {nothing && <Nothing {...shown} />}
        {(page.data || !page.isError) && !nothing && (narrow ? <Cards {...shown} /> : <Grid {...shown} />)}
        {!nothing && <Places next={page.data?.next} params={params} />}
      </Card>
      <Outlet />
    </>
  )
}

function HeaderActions<Row extends { id: string }>(props: NounListProps<Row>) {
  return (
    <>
      {props.actions}
      <CsvButton {...props.csv} source={props.source} />
      <CreateButton {...props} />
    </>
  )
}

function CreateButton<Row extends { id: string }>({ create }: NounListProps<Row>) {
  const navigate = useNavigate()
  if (!create) return null
  return <Action variant="contained" icon={<Add />} label={create.label} disabledReason={create.disabledReason} onRun={() => void navigate(create.to)} />
}

interface Shown<Row extends { id: string }> extends NounListProps<Row> {
  rows: Row[]
  chosen: ReadonlySet<string>
  onChoose: (ids: ReadonlySet<string>) => void
  loading: boolean
  params: ReturnType<typeof useListParams>
}

/** Why there are no rows: the page had some that are gone, nothing is as it was asked for, or there is nothing at all. */
function Nothing<Row extends { id: string }>(props: Shown<Row>) {
  const { t } = useTranslation()
  const { query, goTo } = props.params
  if (query.after) {
    return (
      <Empty
        title={t('list.past')}
        text={t('list.pastText')}
        action={
          <Button variant="outlined" onClick={() => goTo(undefined)}>
            {t('list.first')}
          </Button>
        }
      />
    )
  }
  if (Object.keys(query).some((name) => name !== 'sort')) return <Empty title={t('list.noMatch')} text={t('list.noMatchText')} />
  return <Empty title={props.empty.title} text={props.empty.text} action={<CreateButton {...props} />} />
}

function Grid<Row extends { id: string }>({ rows, columns, chosen, onChoose, loading, params, bulk, rowPath, onRow, rowActions }: Shown<Row>) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const order = params.query.sort
  const sorted = columns.find((column) => column.sort !== undefined && column.sort === order?.replace(/^-/, ''))
  const selection: GridRowSelectionModel = { type: 'include', ids: new Set(chosen) }
  return (
    <DataGrid
      rows={rows}
      columns={[...columns.map(toGrid), ...(rowActions ? [actionsColumn(rowActions, t('act.column'))] : [])]}
      loading={loading}
      density="compact"
      hideFooter
      disableColumnFilter
      disableColumnMenu
      disableRowSelectionOnClick
      sortingMode="server"
      sortModel={sorted ? [{ field: sorted.key, sort: order?.startsWith('-') ? 'desc' : 'asc' }] : []}
      onSortModelChange={([first]) => {
        const column = columns.find(({ key }) => key === first?.field)
        params.set({ sort: column?.sort && `${first?.sort === 'desc' ? '-' : ''}${column.sort}` })
      }}
      checkboxSelection={bulk !== undefined && bulk.length > 0}
      rowSelectionModel={selection}
      onRowSelectionModelChange={({ type, ids }) => {
        const named = new Set([...ids].map(String))
        onChoose(type === 'include' ? named : new Set(rows.map(({ id }) => id).filter((id) => !named.has(id))))
      }}
      onRowClick={({ row }) => {
        if (rowPath) void navigate(rowPath(row))
        else onRow?.(row)
      }}
      localeText={gridWords(t)}
      sx={{ border: 0, '& .MuiDataGrid-row': rowPath || onRow ? { cursor: 'pointer' } : {}, '& .MuiDataGrid-cell:focus': { outlineOffset: -2 } }}
    />
  )
}

function toGrid<Row extends { id: string }>(column: Column<Row>): GridColDef<Row> {
  return {
    field: column.key,
    headerName: column.header,
    sortable: column.sort !== undefined,
    renderCell: ({ row }) => column.render(row),
    align: column.align ?? 'left',
    headerAlign: column.align ?? 'left',
    ...(column.width === undefined ? { flex: column.flex ?? 1, minWidth: 110 } : { width: column.width }),
  }
}

function actionsColumn<Row extends { id: string }>(render: (row: Row) => ReactNode, header: string): GridColDef<Row> {
  return { field: 'actions', headerName: header, renderHeader: () => <span className="visually-hidden">{header}</span>, sortable: false, width: 56, align: 'right', renderCell: ({ row }) => render(row) }
}

function Cards<Row extends { id: string }>({ rows, card, rowPath, rowActions }: Shown<Row>) {
  return (
    <Stack component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
      {rows.map((row) => (
        <Stack key={row.id} component="li" direction="row" sx={{ px: 2, py: 1.5, gap: 1, alignItems: 'center', borderTop: 1, borderColor: 'divider' }}>
          <Box
            {...(rowPath ? { component: Link, to: rowPath(row) } : {})}
            sx={{ flexGrow: 1, minWidth: 0, color: 'inherit', textDecoration: 'none' }}
          >
            {card(row)}
          </Box>
          {rowActions?.(row)}
        </Stack>
      ))}
    </Stack>
  )
}

function Places({ next, params }: { next: string | null | undefined; params: ReturnType<typeof useListParams> }) {
  const { t } = useTranslation()
  if (!next && !params.query.after) return null
  return (
    <Stack direction="row" component="nav" aria-label={t('list.places')} sx={{ p: 1, gap: 1, justifyContent: 'flex-end', borderTop: 1, borderColor: 'divider' }}>
      {params.query.after && (
        <Button color="inherit" onClick={() => params.goTo(undefined)}>
          {t('list.first')}
        </Button>
      )}
      <Button color="inherit" disabled={!next} onClick={() => params.goTo(next ?? undefined)}>
        {t('list.next')}
      </Button>
    </Stack>
  )
}
