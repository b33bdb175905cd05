// The attempts at completing a directive that are under way, and how far each is.
import { Progress, Text } from '@mantine/core'
import type { Backlog } from '../../api/types'
import { Addresses } from '../../components/address'
import { Answer } from '../../components/answer'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import { useBacklogs } from '../../data/directives'
import { count } from '../../lib/number'
import { href, part } from '../../routing/place'

const COLUMNS: Column<Backlog>[] = [
  {
    accessorKey: 'alarm_id',
    header: 'Id',
    cell: ({ row: { original } }) => (
      <a className="mono" href={href(`/alarms/${part(original.alarm_id)}`)}>
        <Said text={original.alarm_id} limit={40} />
      </a>
    ),
  },
  { accessorKey: 'stage', header: 'Stage' },
  { accessorKey: 'events', header: 'Events', cell: ({ row }) => <Counted of={row.original} /> },
  {
    id: 'src_ips',
    header: 'Sources',
    enableSorting: false,
    cell: ({ row }) => <Addresses of={row.original.src_ips} />,
  },
  {
    id: 'dst_ips',
    header: 'Destinations',
    enableSorting: false,
    cell: ({ row }) => <Addresses of={row.original.dst_ips} />,
  },
  { accessorKey: 'deadline', header: 'Waits until', cell: ({ row }) => <When at={row.original.deadline} /> },
]

function Counted({ of: { events, needed } }: { of: Backlog }) {
  return (
    <>
      {count(events)} of {count(needed)}
      <Progress
        size={4}
        value={(events / Math.max(1, needed)) * 100}
        aria-label={`${events} of ${needed} events`}
      />
    </>
  )
}

export function Backlogs({ of }: { of: number }) {
  const backlogs = useBacklogs(of)
  return (
    <Answer of={backlogs} lines={2}>
      {(found) => (
        <>
          <DataTable
            rows={found?.backlogs ?? NONE}
            columns={COLUMNS}
            label="Open backlogs"
            id={(backlog) => backlog.alarm_id}
            empty={
              <Text size="sm" c="dimmed" p="sm">
                {found === null ? 'The backends do not say which are open.' : 'None is open.'}
              </Text>
            }
          />
          {found !== null && found.open > found.backlogs.length && (
            <Text size="xs" c="dimmed" p="xs">
              and {count(found.open - found.backlogs.length)} more
            </Text>
          )}
        </>
      )}
    </Answer>
  )
}

const NONE: Backlog[] = []
