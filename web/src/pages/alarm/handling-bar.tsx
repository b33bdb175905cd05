// What people made of the alarm, and changing it.
import { Button, Group } from '@mantine/core'
import type { AlarmSummary } from '../../api/types'
import { Copy } from '../../components/copy'
import { Said } from '../../components/said'
import { Status } from '../../components/status'
import type { Deed } from '../../data/alarms'
import { href, part } from '../../routing/place'
import classes from './alarm.module.css'

interface Props {
  alarm: AlarmSummary
  canHandle: boolean
  onAsk: (kind: Deed['kind']) => void
}

export function HandlingBar({ alarm, canHandle, onAsk }: Props) {
  const parts: [Deed['kind'], string, React.ReactNode][] = [
    ['status', 'Status', <Status key="status" of={alarm} />],
    ['tag', 'Tag', <Said key="tag" text={alarm.tag} limit={60} />],
    [
      'assignee',
      'Assignee',
      alarm.assignee === '' ? 'nobody' : <Said key="who" text={alarm.assignee} limit={40} />,
    ],
  ]
  const link = window.location.origin + window.location.pathname + href(`/alarms/${part(alarm.alarm_id)}`)
  return (
    <Group className={classes.bar} gap="md" justify="space-between">
      <Group gap="md">
        {parts.map(([kind, name, value]) => (
          <Group key={kind} gap={6}>
            <span className="soft">{name}</span>
            {canHandle ? (
              <Button variant="default" onClick={() => onAsk(kind)} data-part={kind}>
                {value}
              </Button>
            ) : (
              <b data-part={kind}>{value}</b>
            )}
          </Group>
        ))}
      </Group>
      <Group gap={6}>
        <Copy text={link} what="the link to this alarm" />
        {canHandle && (
          <Button variant="subtle" color="red" onClick={() => onAsk('delete')}>
            Delete
          </Button>
        )}
      </Group>
    </Group>
  )
}
