// The processes there are, in a line each.
import { Text } from '@mantine/core'
import type { Node, Rate } from '../../api/types'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { bytes, compact, count } from '../../lib/number'
import { duration } from '../../lib/time'

const KINDS: Record<Node['kind'], string> = {
  frontend: 'frontend',
  backend: 'backend',
  one_process: 'one process',
  unknown: 'not known',
}

const rate = (of: Rate | null | undefined) => (of == null ? '–' : compact(Math.round(of.now * 10) / 10))
const figure = (of: number | null | undefined) => (of == null ? '–' : count(of))

const COLUMNS: Column<Node>[] = [
  {
    accessorKey: 'node',
    header: 'Name',
    cell: ({ row: { original } }) => (
      <>
        <Said text={original.node} limit={40} />{' '}
        {original.is_this && <span className="soft">(this one)</span>}
      </>
    ),
  },
  { accessorKey: 'kind', header: 'Kind', cell: ({ row }) => KINDS[row.original.kind] },
  { accessorKey: 'state', header: 'State', cell: ({ row }) => <State of={row.original} /> },
  {
    accessorKey: 'version',
    header: 'Version',
    cell: ({ row }) => <Said text={row.original.version} limit={40} />,
  },
  {
    accessorKey: 'uptime_secs',
    header: 'Running for',
    cell: ({ row }) => duration(row.original.uptime_secs),
  },
  {
    id: 'in',
    header: 'Events in /s',
    enableSorting: false,
    cell: ({ row }) => rate(row.original.events_accepted),
  },
  {
    id: 'handled',
    header: 'Correlated /s',
    enableSorting: false,
    cell: ({ row }) => rate(row.original.events_received),
  },
  {
    id: 'backlogs',
    header: 'Backlogs',
    enableSorting: false,
    cell: ({ row }) => figure(row.original.open_backlogs),
  },
  {
    id: 'directives',
    header: 'Directives',
    enableSorting: false,
    cell: ({ row }) => figure(row.original.directives?.loaded),
  },
  {
    id: 'memory',
    header: 'Memory',
    enableSorting: false,
    cell: ({ row: { original } }) => (original.memory_bytes == null ? '–' : bytes(original.memory_bytes)),
  },
]

function State({ of: { state, ready, silent_secs: silent } }: { of: Node }) {
  if (state === 'silent') return <Severity of="error">{`silent for ${duration(silent)}`}</Severity>
  if (state === 'standing_by') return <Severity of="ok">standing by</Severity>
  return ready ? <Severity of="ok">ready</Severity> : <Severity of="warning">not ready</Severity>
}

export function Nodes({ of }: { of: Node[] }) {
  return (
    <DataTable
      rows={of}
      columns={COLUMNS}
      label="Processes"
      id={({ node, run }) => `${node} ${run}`}
      empty={
        <Text size="sm" c="dimmed" p="sm">
          No process has said anything yet.
        </Text>
      }
    />
  )
}
