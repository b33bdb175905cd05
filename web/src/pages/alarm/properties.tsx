// What else is known of the alarm.
import type { AlarmDetail } from '../../api/types'
import { Copy } from '../../components/copy'
import { Facts } from '../../components/facts'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { When } from '../../components/when'
import { href } from '../../routing/place'

/** Why the engine has done with it. */
const ENDINGS: Partial<Record<string, string>> = {
  completed: 'done: all stages are complete',
  timed_out: 'done: the next stage did not come in time',
  evicted: 'done: given up, because too many were open',
}

export function Properties({ alarm }: { alarm: AlarmDetail }) {
  const { directive_id: directive } = alarm
  return (
    <Panel title="Alarm">
      <Facts
        of={[
          [
            'Id',
            <span key="id" className="mono">
              <Said text={alarm.alarm_id} limit={64} /> <Copy text={alarm.alarm_id} what="the id" />
            </span>,
          ],
          ['Created', <When key="created" at={alarm.created_time} />],
          ['Updated', <When key="updated" at={alarm.update_time} />],
          ['Kingdom', <Said key="kingdom" text={alarm.kingdom} limit={120} whole />],
          ['Category', <Said key="category" text={alarm.category} limit={120} whole />],
          [
            'Networks',
            <Said key="networks" text={alarm.networks.join(', ') || 'none of yours'} limit={200} whole />,
          ],
          [
            'Directive',
            directive == null ? (
              'not known'
            ) : (
              <a key="directive" href={href(`/directives/${directive}`)}>
                {directive}
              </a>
            ),
          ],
          ['Engine', ENDINGS[alarm.ending ?? ''] ?? 'goes on looking for events'],
        ]}
      />
    </Panel>
  )
}
