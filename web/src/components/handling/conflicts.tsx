// Somebody else was faster: which alarms were not changed because they are no longer as they were when one looked.
import { Button, Group, List, Modal, Stack, Text } from '@mantine/core'
import type { Order } from '../../data/alarms'
import { useAlarm } from '../../data/alarm'
import { many } from '../../lib/number'
import { href, part } from '../../routing/place'
import { Said } from '../said'
import { inWords } from './words'

/** Of more than these, only the number is told. */
const SHOWN = 10

interface Props {
  order: Order
  isBusy: boolean
  onEven: () => void
  onClose: () => void
}

export function Conflicts({ order, isBusy, onEven, onClose }: Props) {
  const { alarms, deed } = order
  const them = alarms.length === 1 ? 'it' : 'them'
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Not done: ${many(alarms.length, 'alarm')} changed meanwhile`}
      size="lg"
    >
      <Stack gap="sm">
        <Text size="sm">
          Somebody else has changed {them} since you looked. This is how{' '}
          {alarms.length === 1 ? 'it is' : 'they are'} now:
        </Text>
        <List size="sm" spacing={6}>
          {alarms.slice(0, SHOWN).map((alarm) => (
            <List.Item key={alarm.alarm_id}>
              <a href={href(`/alarms/${part(alarm.alarm_id)}`)}>
                <Said text={alarm.title} limit={100} />
              </a>
              <AsItIs id={alarm.alarm_id} />
            </List.Item>
          ))}
        </List>
        {alarms.length > SHOWN && <Text size="sm">and {many(alarms.length - SHOWN, 'more alarm')}</Text>}
        <Group justify="end">
          <Button variant="default" onClick={onClose} data-autofocus>
            Leave {them} as {alarms.length === 1 ? 'it is' : 'they are'}
          </Button>
          <Button color="orange" loading={isBusy} onClick={onEven}>
            Even so: {inWords(deed)}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function AsItIs({ id }: { id: string }) {
  const { data: alarm } = useAlarm(id)
  if (alarm === undefined) return null
  return (
    <Text size="xs" c="dimmed" component="div">
      <Said
        text={`${alarm.status}, ${alarm.tag}${alarm.assignee === '' ? '' : `, ${alarm.assignee}`}`}
        limit={160}
      />
    </Text>
  )
}
