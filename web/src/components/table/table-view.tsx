// How every table looks: a head that stays, buttons in it that sort, and cells that say which column they belong to, so that
// a narrow window can arrange them otherwise.
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react'
import type { RowData } from '@tanstack/react-table'
import type { HTMLAttributes } from 'react'
import type { Table } from './features'
import classes from './table.module.css'

interface Props<T extends RowData> {
  table: Table<T>
  label: string
  /** More for a row: what happens when it is clicked, whether it is the current one. */
  rowProps?: (
    row: T,
  ) => HTMLAttributes<HTMLTableRowElement> & Record<`data-${string}`, string | boolean | undefined>
  /** In a narrow window, rows become cards of these columns. */
  cards?: boolean
}

export function TableView<T extends RowData>({ table, label, rowProps, cards = false }: Props<T>) {
  return (
    <table className={classes.table} aria-label={label} data-cards={cards || undefined}>
      <thead>
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id}>
            {group.headers.map((header) => {
              const sorted = header.column.getIsSorted()
              const direction = sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined
              const content = <table.FlexRender header={header} />
              return (
                <th key={header.id} scope="col" data-column={header.column.id} aria-sort={direction}>
                  {header.column.getCanSort() ? (
                    <button
                      type="button"
                      className={classes.sort}
                      onClick={header.column.getToggleSortingHandler()}
                    >
                      {content}
                      <span className={classes.arrow} aria-hidden>
                        {sorted === 'asc' && <IconArrowUp size={12} />}
                        {sorted === 'desc' && <IconArrowDown size={12} />}
                      </span>
                    </button>
                  ) : (
                    content
                  )}
                </th>
              )
            })}
          </tr>
        ))}
      </thead>
      <tbody>
        {table.getRowModel().rows.map((row) => (
          <tr key={row.id} {...rowProps?.(row.original)}>
            {row.getVisibleCells().map((cell) => (
              <td key={cell.id} data-column={cell.column.id}>
                <table.FlexRender cell={cell} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
