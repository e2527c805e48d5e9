// A short table inside a page. Wide ones scroll within themselves, by keyboard too.

import Table from '@mui/material/Table'
import TableBody from '@mui/material/TableBody'
import TableCell from '@mui/material/TableCell'
import TableContainer from '@mui/material/TableContainer'
import TableHead from '@mui/material/TableHead'
import TableRow from '@mui/material/TableRow'
import type { ReactNode } from 'react'

export interface SmallColumn<Row> {
  key: string
  header: ReactNode
  render: (row: Row) => ReactNode
  align?: 'left' | 'right'
}

export function SmallTable<Row>({ label, columns, rows, rowKey }: { label: string; columns: SmallColumn<Row>[]; rows: readonly Row[]; rowKey: (row: Row) => string }) {
  return (
    <TableContainer component="section" tabIndex={0} aria-label={label} sx={{ position: 'relative' }}>
      <Table size="small">
        <TableHead>
          <TableRow>
            {columns.map(({ key, header, align = 'left' }) => (
              <TableCell key={key} align={align}>
                {header}
              </TableCell>
            ))}
          </TableRow>
        </TableHead>
        <TableBody>
          {rows.map((row) => (
            <TableRow key={rowKey(row)}>
              {columns.map(({ key, render, align = 'left' }) => (
                <TableCell key={key} align={align}>
                  {render(row)}
                </TableCell>
              ))}
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  )
}
