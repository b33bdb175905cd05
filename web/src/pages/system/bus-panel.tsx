// What is between the processes, and how full it is.
import { Progress } from '@mantine/core'
import type { SystemState } from '../../api/types'
import { Facts } from '../../components/facts'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { bytes, count, many } from '../../lib/number'

type Bus = SystemState['bus']

const KINDS: Record<Bus['kind'], string> = {
  memory: 'a queue in memory',
  event_log: 'the event log on disk',
  nats: 'NATS',
}

export function BusPanel({ of: bus }: { of: Bus }) {
  return (
    <Panel title="Bus">
      <Facts
        of={[
          ['Kind', KINDS[bus.kind]],
          [
            'State',
            <span key="state">
              <Severity of={bus.connected ? 'ok' : 'error'}>{bus.connected ? 'there' : 'away'}</Severity>{' '}
              <Said text={bus.detail ?? ''} limit={300} whole />
            </span>,
          ],
          ['Keeps events', bus.durable ? 'until they are dealt with' : 'no'],
          ...(bus.kept == null ? [] : [['Kept', <Kept key="kept" of={bus.kept} />] as const]),
          ...bus.readers.map(
            ({ node, waiting, silent_secs: silent }) =>
              [
                `Reader ${node}`,
                `${many(waiting, 'event')} behind${silent > 15 ? `, silent for ${count(silent)} s` : ''}`,
              ] as const,
          ),
        ]}
      />
    </Panel>
  )
}

function Kept({ of: { bytes: used, max_bytes: limit, events } }: { of: NonNullable<Bus['kept']> }) {
  return (
    <>
      {bytes(used)}
      {limit == null ? '' : ` of ${bytes(limit)}`}
      {events == null ? '' : `, ${many(events, 'event')}`}
      {limit != null && (
        <Progress size={4} mt={4} value={(used / Math.max(1, limit)) * 100} aria-label="how full it is" />
      )}
    </>
  )
}
