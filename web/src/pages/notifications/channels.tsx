// Where people are told: webhooks and mail, with a button that tries one.
import { Button, Group, Modal } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import type { Channel } from '../../api/types'
import { Answer } from '../../components/answer'
import { ConfirmButton } from '../../components/confirm'
import { Empty } from '../../components/empty'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { useChannels, useDeleteChannel, useTestChannel } from '../../data/notifications'
import { cut, visible } from '../../lib/visible'
import { ChannelForm } from './channel-form'
import { FORMATS } from './formats'

const COLUMNS: Column<Channel>[] = [
  { accessorKey: 'name', header: 'Name', cell: ({ row }) => <Said text={row.original.name} limit={60} /> },
  { id: 'kind', header: 'Kind', enableSorting: false, cell: ({ row }) => kindOf(row.original) },
  {
    id: 'to',
    header: 'To',
    enableSorting: false,
    cell: ({ row }) => <Said text={targetOf(row.original)} limit={120} />,
  },
  {
    id: 'acts',
    header: () => <span className="unseen">Actions</span>,
    enableSorting: false,
    cell: ({ row }) => <Acts channel={row.original} />,
  },
]

function kindOf({ webhook, mail }: Channel): string {
  if (webhook != null) return FORMATS.find(({ value }) => value === webhook.format)?.label ?? webhook.format
  return mail == null ? '' : 'Mail'
}

function targetOf({ webhook, mail }: Channel): string {
  return webhook?.server ?? mail?.to.join(', ') ?? ''
}

export function Channels() {
  const channels = useChannels()
  const [adds, setAdds] = useState(false)
  return (
    <Panel title="Channels" side={<Button onClick={() => setAdds(true)}>New channel</Button>} flush>
      <Answer of={channels}>
        {(all) => (
          <DataTable
            rows={all}
            columns={COLUMNS}
            label="Channels"
            id={({ id }) => String(id)}
            empty={
              <Empty title="No channel yet">A channel is a webhook or a list of people who get a mail.</Empty>
            }
          />
        )}
      </Answer>
      <Modal opened={adds} onClose={() => setAdds(false)} title="New channel" size="lg">
        <ChannelForm onDone={() => setAdds(false)} />
      </Modal>
    </Panel>
  )
}

function Acts({ channel }: { channel: Channel }) {
  const [edits, setEdits] = useState(false)
  const remove = useDeleteChannel()
  const test = useTestChannel()
  const name = visible(channel.name)
  const tryIt = () =>
    test.mutate(channel.id, {
      onSuccess: ({ ok, detail }) =>
        notifications.show({
          color: ok ? 'green' : 'red',
          title: ok ? 'It was taken' : 'It was not taken',
          message: cut(visible(detail), 300),
          autoClose: ok ? 5_000 : false,
        }),
      onError: (error) => notifications.show({ color: 'red', message: error.message, autoClose: false }),
    })
  return (
    <Group gap={4} justify="end" wrap="nowrap">
      <Button variant="subtle" loading={test.isPending} onClick={tryIt} aria-label={`Test ${name}`}>
        Test
      </Button>
      <Button variant="subtle" onClick={() => setEdits(true)} aria-label={`Edit ${name}`}>
        Edit
      </Button>
      <ConfirmButton
        label="Delete"
        of={name}
        question="Rules that use it tell nobody there any more."
        onConfirmed={() =>
          remove.mutate(channel.id, {
            onError: (error) =>
              notifications.show({ color: 'red', message: error.message, autoClose: false }),
          })
        }
      />
      <Modal opened={edits} onClose={() => setEdits(false)} title="Edit channel" size="lg">
        <ChannelForm channel={channel} onDone={() => setEdits(false)} />
      </Modal>
    </Group>
  )
}
