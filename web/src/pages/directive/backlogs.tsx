// The attempts at completing a directive that are under way, and how far each is.
import { Progress, Text } from '@mantine/core'
import type { Backlog } from '../../api/types'
import { Addresses } from '../../components/address'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import { count } from '../../lib/number'
import { href, part } from '../../routing/place'

const COLUMNS: Column<Backlog>[] = [
  {
    accessorKey: 'id',
    header: 'Id',
    cell: ({ row: { original } }) => (
      <a className="mono" href={href(`/alarms/${part(original.id)}`)}>
        <Said text={original.id} limit={40} />
      </a>
    ),
  },
  { accessorKey: 'stage', header: 'Stage' },
  { accessorKey: 'events', header: 'Events', cell: ({ row }) => <Counted of={row.original} /> },
  { id: 'src_ips', header: 'Sources', enableSorting: false, cell: ({ row }) => <Addresses of={row.original.src_ips} /> },
  { id: 'dst_ips', header: 'Destinations', enableSorting: false, cell: ({ row }) => <Addresses of={row.original.dst_ips} /> },
  { accessorKey: 'deadline', header: 'Waits until', cell: ({ row }) => <When at={row.original.deadline} /> },
]

function Counted({ of: { events, occurrence } }: { of: Backlog }) {
  return (
    <>
      {count(events)} of {count(occurrence)}
      <Progress size={4} value={(events / Math.max(1, occurrence)) * 100} aria-label={`${events} of ${occurrence} events`} />
    </>
  )
}

export function Backlogs({ of, total }: { of: Backlog[]; total: number | null }) {
  const empty = (
    <Text size="sm" c="dimmed" p="sm">
      {total === null ? 'The backends do not say which are open.' : 'None is open.'}
    </Text>
  )
  return (
    <>
      <DataTable rows={of} columns={COLUMNS} label="Open backlogs" id={({ id }) => id} empty={empty} />
      {total !== null && total > of.length && (
        <Text size="xs" c="dimmed" p="xs">
          and {count(total - of.length)} more
        </Text>
      )}
    </>
  )
}
