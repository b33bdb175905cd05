// The columns of the list of alarms. Those that are not shown at first can be chosen.
import { Checkbox } from '@mantine/core'
import type { AlarmSummary } from '../../api/types'
import { Addresses } from '../../components/address'
import { Risk } from '../../components/risk'
import { Said } from '../../components/said'
import { Status } from '../../components/status'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import type { Sort } from '../../lib/filter'
import { href, part } from '../../routing/place'
import classes from './alarms.module.css'

type AlarmColumn = Column<AlarmSummary> & { id: string }

/** What a column is called where columns are chosen. */
export const COLUMN_NAMES: Record<string, string> = {
  risk: 'Risk',
  title: 'Title',
  status: 'Status',
  tag: 'Tag',
  assignee: 'Assignee',
  sources: 'Sources',
  destinations: 'Destinations',
  stages: 'Stages',
  updated: 'Updated',
  created: 'Created',
  findings: 'Findings',
  kingdom: 'Kingdom',
  category: 'Category',
  networks: 'Networks',
  directive: 'Directive',
  id: 'Id',
}

/** Columns that one asks for. */
export const HIDDEN_AT_FIRST = ['created', 'findings', 'kingdom', 'category', 'networks', 'directive', 'id']

/** The columns by which the server sorts. */
const SORTED: readonly string[] = ['risk', 'title', 'created', 'updated'] satisfies Sort[]

function column(id: string, cell: (alarm: AlarmSummary) => React.ReactNode): AlarmColumn {
  return {
    id,
    accessorFn: (alarm) => alarm.alarm_id,
    header: COLUMN_NAMES[id] ?? id,
    enableSorting: SORTED.includes(id),
    sortDescFirst: id !== 'title',
    cell: ({ row }) => cell(row.original),
  }
}

const select: AlarmColumn = {
  id: 'select',
  enableSorting: false,
  header: ({ table }) => (
    <Checkbox
      size="xs"
      aria-label="Select all on this page"
      checked={table.getIsAllRowsSelected()}
      indeterminate={table.getIsSomeRowsSelected()}
      onChange={table.getToggleAllRowsSelectedHandler()}
    />
  ),
  cell: ({ row }) => (
    <Checkbox
      size="xs"
      aria-label="Select"
      checked={row.getIsSelected()}
      onChange={row.getToggleSelectedHandler()}
    />
  ),
}

/** The columns; links of alarms keep which list they were on. */
export function columnsOf(list: string, canHandle: boolean): AlarmColumn[] {
  const query = new URLSearchParams(list)
  const shown = [
    column('risk', (alarm) => <Risk value={alarm.risk} of={alarm.risk_class} />),
    column('title', (alarm) => (
      <a className={classes.title} href={href(`/alarms/${part(alarm.alarm_id)}`, query)}>
        <Said text={alarm.title} limit={200} />
      </a>
    )),
    column('status', (alarm) => <Status of={alarm} />),
    column('tag', (alarm) => <Said text={alarm.tag} limit={40} />),
    column('assignee', (alarm) => <Said text={alarm.assignee} limit={24} />),
    column('sources', (alarm) => <Addresses of={alarm.src_ips} />),
    column('destinations', (alarm) => <Addresses of={alarm.dst_ips} />),
    column('stages', (alarm) => (
      <span title={`${alarm.finished_stages} of ${alarm.stages} stages are complete`}>
        {alarm.finished_stages}/{alarm.stages}
      </span>
    )),
    column('updated', (alarm) => <When at={alarm.update_time} />),
    column('created', (alarm) => <When at={alarm.created_time} />),
    column('findings', (alarm) => (alarm.findings === 0 ? '' : alarm.findings)),
    column('kingdom', (alarm) => <Said text={alarm.kingdom} limit={60} />),
    column('category', (alarm) => <Said text={alarm.category} limit={60} />),
    column('networks', (alarm) => <Said text={alarm.networks.join(', ')} limit={80} />),
    column('directive', (alarm) =>
      alarm.directive_id == null ? (
        ''
      ) : (
        <a href={href(`/directives/${alarm.directive_id}`)}>{alarm.directive_id}</a>
      ),
    ),
    column('id', (alarm) => (
      <span className="mono">
        <Said text={alarm.alarm_id} limit={40} />
      </span>
    )),
  ]
  return canHandle ? [select, ...shown] : shown
}
