// What was done with the alarm, by whom, and what people say of it.
import { Button, Group, Textarea } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { HistoryEntry } from '../../api/types'
import { Answer } from '../../components/answer'
import { Panel } from '../../components/panel'
import { ProblemNote } from '../../components/problem'
import { Said } from '../../components/said'
import { When } from '../../components/when'
import { useHistory } from '../../data/alarm'
import { useHandle } from '../../data/alarms'
import classes from './alarm.module.css'

export function History({ id, canComment }: { id: string; canComment: boolean }) {
  const history = useHistory(id)
  return (
    <Panel title="History and comments">
      <Answer of={history} lines={2}>
        {(entries) =>
          entries.length === 0 ? (
            <span className="soft">Nobody has done anything yet.</span>
          ) : (
            entries.map((entry, index) => <Entry key={index} entry={entry} />)
          )
        }
      </Answer>
      {canComment && <NewComment id={id} />}
    </Panel>
  )
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { who, action, before, after } = entry
  const quoted = (text: string) => <Said text={text === '' ? 'nobody' : text} limit={80} />
  return (
    <div className={classes.entry}>
      <Group gap={6}>
        <b>
          <Said text={who === '' ? 'the engine' : who} limit={40} />
        </b>
        {action === 'comment' ? (
          <span className="soft">commented</span>
        ) : action === 'reopened' ? (
          <span className="soft">opened it again: its class rose</span>
        ) : (
          <span>
            <span className="soft">{action}:</span> {quoted(before)} → {quoted(after)}
          </span>
        )}
        <span className="soft">
          <When at={entry.at} />
        </span>
      </Group>
      {action === 'comment' && (
        <div className={classes.comment}>
          {after.split('\n').map((line, index) => (
            <div key={index}>
              <Said text={line} limit={1_000} whole />
            </div>
          ))}
        </div>
      )}
    </div>
  )
}

function NewComment({ id }: { id: string }) {
  const [text, setText] = useState('')
  const handle = useHandle()
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    const alarms = [{ alarm_id: id, version: 0, title: '' }]
    // Comments do not conflict with anything.
    handle.mutate(
      { alarms, deed: { kind: 'comment', text: text.trim() }, even: true },
      { onSuccess: () => setText('') },
    )
  }
  return (
    <form onSubmit={submit}>
      <Textarea
        mt="xs"
        aria-label="Comment"
        placeholder="Comment"
        autosize
        minRows={2}
        maxRows={10}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      {handle.isError && <ProblemNote error={handle.error} />}
      <Group justify="end" mt={6}>
        <Button type="submit" variant="default" disabled={text.trim() === ''} loading={handle.isPending}>
          Add comment
        </Button>
      </Group>
    </form>
  )
}
