// Of which alarms people are told, where, and when not.
import { Button, Group, Modal } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import type { NotificationRule } from '../../api/types'
import { Answer } from '../../components/answer'
import { ConfirmButton } from '../../components/confirm'
import { Empty } from '../../components/empty'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { useChannels, useDeleteRule, useRules } from '../../data/notifications'
import { visible } from '../../lib/visible'
import { RuleForm } from './rule-form'

const COLUMNS: Column<NotificationRule>[] = [
  { accessorKey: 'name', header: 'Name', cell: ({ row }) => <Said text={row.original.name} limit={60} /> },
  { accessorKey: 'enabled', header: 'On', cell: ({ row }) => (row.original.enabled ? 'yes' : 'no') },
  {
    id: 'of',
    header: 'Of',
    enableSorting: false,
    cell: ({ row }) => <Said text={conditionOf(row.original)} limit={160} />,
  },
  {
    accessorKey: 'when',
    header: 'When',
    cell: ({ row }) => (row.original.when === 'first' ? 'once' : 'and when it gets worse'),
  },
  {
    id: 'channels',
    header: 'To',
    enableSorting: false,
    cell: ({ row }) => <ChannelNames ids={row.original.channels} />,
  },
  {
    id: 'acts',
    header: () => <span className="unseen">Actions</span>,
    enableSorting: false,
    cell: ({ row }) => <Acts rule={row.original} />,
  },
]

function conditionOf({ condition }: NotificationRule): string {
  const parts = Object.entries(condition as Record<string, (string | number)[]>)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name}: ${values.join(', ')}`)
  return parts.length === 0 ? 'every alarm' : parts.join('; ')
}

function ChannelNames({ ids }: { ids: number[] }) {
  const { data } = useChannels()
  return (
    <Said
      text={ids.map((id) => data?.find((channel) => channel.id === id)?.name ?? String(id)).join(', ')}
      limit={120}
    />
  )
}

export function Rules() {
  const rules = useRules()
  const [adds, setAdds] = useState(false)
  return (
    <Panel title="Rules" side={<Button onClick={() => setAdds(true)}>New rule</Button>} flush>
      <Answer of={rules}>
        {(all) => (
          <DataTable
            rows={all}
            columns={COLUMNS}
            label="Rules"
            id={({ id }) => String(id)}
            empty={
              <Empty title="Nobody is told of alarms yet">
                Make a channel first, and then a rule that uses it.
              </Empty>
            }
          />
        )}
      </Answer>
      <Modal opened={adds} onClose={() => setAdds(false)} title="New rule" size="lg">
        <RuleForm onDone={() => setAdds(false)} />
      </Modal>
    </Panel>
  )
}

function Acts({ rule }: { rule: NotificationRule }) {
  const [edits, setEdits] = useState(false)
  const remove = useDeleteRule()
  return (
    <Group gap={4} justify="end" wrap="nowrap">
      <Button variant="subtle" onClick={() => setEdits(true)} aria-label={`Edit ${visible(rule.name)}`}>
        Edit
      </Button>
      <ConfirmButton
        label="Delete"
        of={visible(rule.name)}
        question="Nobody is told by it any more."
        onConfirmed={() =>
          remove.mutate(rule.id, {
            onError: (error) =>
              notifications.show({ color: 'red', message: error.message, autoClose: false }),
          })
        }
      />
      <Modal opened={edits} onClose={() => setEdits(false)} title="Edit rule" size="lg">
        <RuleForm rule={rule} onDone={() => setEdits(false)} />
      </Modal>
    </Group>
  )
}
