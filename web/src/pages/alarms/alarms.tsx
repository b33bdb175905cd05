// The list of alarms: live, sorted and paged by the server, and handled by mouse or keyboard.
import { Group } from '@mantine/core'
import { useTable, type SortingState } from '@tanstack/react-table'
import { useMemo, useRef } from 'react'
import type { AlarmSummary } from '../../api/types'
import { Waiting } from '../../components/answer'
import { useHandling } from '../../components/handling/use-handling'
import { Page } from '../../components/page'
import { ProblemNote } from '../../components/problem'
import { features } from '../../components/table/features'
import { TableView } from '../../components/table/table-view'
import { useAlarmPage } from '../../data/alarms'
import { useMay } from '../../data/session'
import { filterQuery, isNarrow, listQuery, NO_FILTER, type Sort, writeList } from '../../lib/filter'
import { usePreferences } from '../../lib/preferences'
import { useKeys } from '../../lib/use-keys'
import { useNow } from '../../lib/use-now'
import { go, href, part } from '../../routing/place'
import classes from './alarms.module.css'
import { columnsOf } from './columns'
import { FilterBar } from './filter-bar'
import { ColumnMenu, ExportMenu, shownColumns } from './list-menus'
import { NoAlarms } from './no-alarms'
import { Length, Pager } from './pager'
import { SelectionBar } from './selection-bar'
import { useList } from './use-list'
import { useSelection } from './use-selection'
import { ViewsMenu } from './views-menu'

const NONE: AlarmSummary[] = []

export default function Alarms() {
  const { list, change, filter } = useList()
  const [{ columns: chosen, pageSize }] = usePreferences()
  const now = useNow(60)
  const page = useAlarmPage(listQuery(list, pageSize, now))
  const rows = page.data?.alarms ?? NONE
  const canHandle = useMay('analyst')
  const { selection, select, selected, cursor, setCursor, current, move, toggle, clear } = useSelection(rows)
  const handling = useHandling(({ kind }) => {
    if (kind === 'delete') clear()
  })
  const search = useRef<HTMLInputElement>(null)

  const query = writeList(list).toString()
  const columns = useMemo(() => columnsOf(query, canHandle), [query, canHandle])
  const sorting = useMemo<SortingState>(() => [{ id: list.sort, desc: list.descending }], [list])
  const table = useTable({
    features,
    columns,
    data: rows,
    getRowId: (alarm) => alarm.alarm_id,
    manualSorting: true,
    enableSortingRemoval: false,
    state: { sorting, rowSelection: selection, columnVisibility: shownColumns(chosen) },
    onRowSelectionChange: select,
    onSortingChange: (update) => {
      const [by] = typeof update === 'function' ? update(sorting) : update
      if (by !== undefined) change({ sort: by.id as Sort, descending: by.desc })
    },
  })

  const touched = selected.length > 0 ? selected : current === undefined ? [] : [current]
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => current && go(href(`/alarms/${part(current.alarm_id)}`, new URLSearchParams(query))),
    x: () => canHandle && current && toggle(current.alarm_id),
    s: () => canHandle && handling.ask('status', touched),
    t: () => canHandle && handling.ask('tag', touched),
    '/': () => search.current?.focus(),
    Escape: clear,
  })

  return (
    <Page
      name="Alarms"
      side={
        <>
          <ViewsMenu query={query} />
          <ColumnMenu />
          <ExportMenu query={filterQuery(list.filter, now)} />
        </>
      }
    >
      <FilterBar filter={list.filter} onChange={filter} searchRef={search} />
      <div className={classes.frame}>
        <Group className={`${classes.bar} ${classes.top}`} justify="space-between">
          {selected.length > 0 ? (
            <SelectionBar
              selected={selected.length}
              onAsk={(kind) => handling.ask(kind, selected)}
              onClear={clear}
            />
          ) : (
            <Length count={page.data?.count} />
          )}
        </Group>
        {page.isError && <ProblemNote error={page.error} again={() => void page.refetch()} />}
        {page.isPending && <Waiting lines={14} />}
        {page.isSuccess && rows.length === 0 && (
          <NoAlarms
            isFiltered={isNarrow(list.filter) || list.after !== ''}
            onClear={() => change({ filter: NO_FILTER })}
          />
        )}
        {rows.length > 0 && (
          <div className={classes.scroll} data-waiting={page.isPlaceholderData}>
            <TableView
              table={table}
              label="Alarms"
              cards
              rowProps={(alarm) => ({
                'data-alarm': alarm.alarm_id,
                'data-cursor': alarm.alarm_id === cursor,
                'data-selected': selection[alarm.alarm_id] === true,
                'data-risk': alarm.risk_class,
                'data-closed': alarm.status.toLowerCase() === 'closed',
                onClick: () => setCursor(alarm.alarm_id),
              })}
            />
          </div>
        )}
        <Group className={`${classes.bar} ${classes.bottom}`} justify="end">
          <Pager after={list.after} next={page.data?.next ?? null} onGo={(after) => change({ after })} />
        </Group>
      </div>
      {handling.dialogs}
    </Page>
  )
}
