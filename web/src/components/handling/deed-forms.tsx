// What is asked before alarms are assigned, commented or deleted.
import { Autocomplete, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import { useFacets } from '../../data/alarms'
import { useSession } from '../../data/session'

interface Props {
  isBusy: boolean
  onChosen: (text: string) => void
}

const EVERYTHING = new URLSearchParams()

export function AssigneeForm({ isBusy, onChosen }: Props) {
  const { data: session } = useSession()
  const { data: facets } = useFacets(EVERYTHING)
  const [name, setName] = useState('')
  const me = session?.user.name ?? ''
  const known = new Set([me, ...(facets?.assignee ?? []).map(({ value }) => value)])
  known.delete('')
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    onChosen(name.trim())
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Autocomplete
          label="Name"
          size="xs"
          data={[...known]}
          value={name}
          onChange={setName}
          data-autofocus
        />
        <Group justify="end">
          <Button variant="default" disabled={isBusy} onClick={() => onChosen('')}>
            Nobody
          </Button>
          {me !== '' && (
            <Button variant="default" disabled={isBusy} onClick={() => onChosen(me)}>
              Me
            </Button>
          )}
          <Button type="submit" disabled={isBusy || name.trim() === ''}>
            Assign
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

export function CommentForm({ isBusy, onChosen }: Props) {
  const [text, setText] = useState('')
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    onChosen(text.trim())
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Textarea
          label="Comment"
          autosize
          minRows={3}
          maxRows={12}
          value={text}
          onChange={(e) => setText(e.currentTarget.value)}
          data-autofocus
        />
        <Group justify="end">
          <Button type="submit" disabled={isBusy || text.trim() === ''}>
            Add comment
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

export function DeleteForm({ isBusy, onChosen }: { isBusy: boolean; onChosen: () => void }) {
  return (
    <>
      <Text size="sm">
        Its events, comments and history are deleted with an alarm. It comes back only if its class rises.
      </Text>
      <Group justify="end">
        <Button color="red" disabled={isBusy} onClick={onChosen} data-autofocus>
          Delete
        </Button>
      </Group>
    </>
  )
}
