// Lists that one goes back to: a filter and an order with a name.
import { ActionIcon, Button, Group, Popover, Stack, TextInput } from '@mantine/core'
import { IconBookmark, IconTrash } from '@tabler/icons-react'
import { type SyntheticEvent, useState } from 'react'
import { Answer } from '../../components/answer'
import { ProblemNote } from '../../components/problem'
import { Said } from '../../components/said'
import { useDeleteView, useSaveView, useViews } from '../../data/views'
import { visible } from '../../lib/visible'

export function ViewsMenu({ query }: { query: string }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" trapFocus withinPortal shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconBookmark size={14} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
        >
          Views
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label="Views">
        <Views query={query} onGone={() => setOpen(false)} />
      </Popover.Dropdown>
    </Popover>
  )
}

function Views({ query, onGone }: { query: string; onGone: () => void }) {
  const views = useViews()
  const save = useSaveView()
  const remove = useDeleteView()
  const [name, setName] = useState('')
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    save.mutate({ name: name.trim(), query }, { onSuccess: () => setName('') })
  }
  return (
    <Stack gap={6} w={280}>
      <Answer of={views} lines={2}>
        {(all) =>
          all.length === 0 ? (
            <span className="soft">No view yet: give the list that you see a name.</span>
          ) : (
            all.map((view) => (
              <Group key={view.name} justify="space-between" wrap="nowrap">
                <a href={`#/alarms?${view.query}`} onClick={onGone}>
                  <Said text={view.name} limit={60} />
                </a>
                <ActionIcon
                  size="sm"
                  aria-label={`Delete the view ${visible(view.name)}`}
                  onClick={() => remove.mutate(view.name)}
                >
                  <IconTrash size={14} />
                </ActionIcon>
              </Group>
            ))
          )
        }
      </Answer>
      <form onSubmit={submit}>
        <Group gap={6} wrap="nowrap">
          <TextInput
            flex={1}
            placeholder="Name of this list"
            aria-label="Name of this list"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" disabled={name.trim() === ''} loading={save.isPending}>
            Save
          </Button>
        </Group>
      </form>
      {save.isError && <ProblemNote error={save.error} />}
    </Stack>
  )
}
