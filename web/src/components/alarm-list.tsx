// A few alarms, where they are not what the page is about.
import type { AlarmSummary } from '../api/types'
import { href, part } from '../routing/place'
import { Risk } from './risk'
import { Said } from './said'
import { Status } from './status'
import type { Column } from './table/features'
import { DataTable } from './table/data-table'
import { When } from './when'

const COLUMNS: Column<AlarmSummary>[] = [
  {
    id: 'risk',
    accessorKey: 'risk',
    header: 'Risk',
    cell: ({ row }) => <Risk value={row.original.risk} of={row.original.risk_class} />,
  },
  {
    id: 'title',
    accessorKey: 'title',
    header: 'Title',
    cell: ({ row }) => (
      <a href={href(`/alarms/${part(row.original.alarm_id)}`)}>
        <Said text={row.original.title} limit={120} />
      </a>
    ),
  },
  { id: 'status', accessorKey: 'status', header: 'Status', cell: ({ row }) => <Status of={row.original} /> },
  {
    id: 'updated',
    accessorKey: 'update_time',
    header: 'Updated',
    cell: ({ row }) => <When at={row.original.update_time} />,
  },
]

export function AlarmList({ of }: { of: AlarmSummary[] }) {
  return (
    <DataTable
      rows={of}
      columns={COLUMNS}
      label="Alarms"
      id={(alarm) => alarm.alarm_id}
      empty={<span className="soft">none</span>}
    />
  )
}
