// A table of everything there is of something, which the browser sorts.
import { type RowData, type SortingState, useTable } from '@tanstack/react-table'
import { type ReactNode, useState } from 'react'
import { type Column, features } from './features'
import { TableView } from './table-view'

interface Props<T extends RowData> {
  rows: T[]
  columns: Column<T>[]
  label: string
  /** What tells one row from another. */
  id: (row: T) => string
  /** What is sorted by at first. */
  sortedBy?: string
  /** What is shown when there are no rows. */
  empty: ReactNode
}

export function DataTable<T extends RowData>({ rows, columns, label, id, sortedBy, empty }: Props<T>) {
  const [sorting, setSorting] = useState<SortingState>(
    sortedBy === undefined ? [] : [{ id: sortedBy, desc: false }],
  )
  const table = useTable({
    features,
    columns,
    data: rows,
    getRowId: id,
    state: { sorting },
    onSortingChange: setSorting,
    enableMultiSort: false,
  })
  return rows.length === 0 ? empty : <TableView table={table} label={label} />
}
