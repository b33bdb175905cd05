// What was sent, what is tried again, and what was given up and can be tried once more.
import { Button, SegmentedControl } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import type { Delivery } from '../../api/types'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import { useDeliveries, useRetry } from '../../data/notifications'
import { href, part } from '../../routing/place'

const STATES: { value: Delivery['state'] | ''; label: string }[] = [
  { value: '', label: 'All' },
  { value: 'dead', label: 'Given up' },
  { value: 'waiting', label: 'Waiting' },
  { value: 'sent', label: 'Sent' },
]

const COLUMNS: Column<Delivery>[] = [
  { accessorKey: 'created', header: 'Written', cell: ({ row }) => <When at={row.original.created} /> },
  { accessorKey: 'state', header: 'State', cell: ({ row }) => <State of={row.original} /> },
  {
    accessorKey: 'channel_name',
    header: 'Channel',
    cell: ({ row }) => <Said text={row.original.channel_name} limit={40} />,
  },
  { accessorKey: 'rule', header: 'Rule', cell: ({ row }) => <Said text={row.original.rule} limit={40} /> },
  { accessorKey: 'subject', header: 'Subject', cell: ({ row }) => <Subject of={row.original} /> },
  { accessorKey: 'tries', header: 'Tries' },
  {
    id: 'next',
    accessorFn: ({ next_try }) => next_try ?? 0,
    header: 'Next try',
    cell: ({ row }) => <When at={row.original.next_try} />,
  },
  {
    accessorKey: 'error',
    header: 'Error',
    cell: ({ row }) => <Said text={row.original.error} limit={120} whole />,
  },
  {
    id: 'acts',
    header: () => <span className="unseen">Actions</span>,
    enableSorting: false,
    cell: ({ row }) => <Retry of={row.original} />,
  },
]

function State({ of }: { of: Delivery }) {
  if (of.state === 'sent') return <Severity of="ok">sent</Severity>
  return of.state === 'dead' ? (
    <Severity of="error">given up</Severity>
  ) : (
    <Severity of="warning">{of.state}</Severity>
  )
}

function Subject({ of }: { of: Delivery }) {
  const text = <Said text={of.subject} limit={120} />
  return of.alarm_id == null ? text : <a href={href(`/alarms/${part(of.alarm_id)}`)}>{text}</a>
}

function Retry({ of }: { of: Delivery }) {
  const retry = useRetry()
  if (of.state !== 'dead' && of.state !== 'waiting') return null
  return (
    <Button
      variant="subtle"
      loading={retry.isPending}
      aria-label={`Try ${of.id} again`}
      onClick={() =>
        retry.mutate(of.id, {
          onError: (error) => notifications.show({ color: 'red', message: error.message, autoClose: false }),
        })
      }
    >
      Try again
    </Button>
  )
}

export function Deliveries() {
  const [state, setState] = useState<Delivery['state'] | ''>('')
  const deliveries = useDeliveries(state)
  return (
    <Panel
      title="Deliveries"
      side={
        <SegmentedControl
          size="xs"
          aria-label="State"
          data={STATES}
          value={state}
          onChange={(chosen) => setState(STATES.find(({ value }) => value === chosen)?.value ?? '')}
        />
      }
      flush
    >
      <Answer of={deliveries} lines={8}>
        {(all) => (
          <DataTable
            rows={all}
            columns={COLUMNS}
            label="Deliveries"
            id={({ id }) => String(id)}
            empty={<Empty title="Nothing is here" />}
          />
        )}
      </Answer>
    </Panel>
  )
}
