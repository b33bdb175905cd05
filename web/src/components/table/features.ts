// What all tables of the page can do. Tables that the server sorts say so with `manualSorting`.
import {
  columnVisibilityFeature,
  createSortedRowModel,
  type ColumnDef,
  type ReactTable,
  type RowData,
  rowSelectionFeature,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_text,
  tableFeatures,
} from '@tanstack/react-table'

export const features = tableFeatures({
  columnVisibilityFeature,
  rowSelectionFeature,
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, text: sortFn_text },
})

export type Table<T extends RowData> = ReactTable<typeof features, T>
export type Column<T extends RowData> = ColumnDef<typeof features, T>
