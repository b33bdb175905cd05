// What happened, stage by stage: what the stage asked for, what it got, and what it still waits for.
import { Group, Text } from '@mantine/core'
import type { AlarmDetail, Stage } from '../../api/types'
import { RuleFacts } from '../../components/rule-facts'
import { Said } from '../../components/said'
import { When } from '../../components/when'
import { count } from '../../lib/number'
import { type StageState, stateOf, STATE_WORDS } from '../../lib/rule'
import { duration } from '../../lib/time'
import { useNow } from '../../lib/use-now'
import { href, part } from '../../routing/place'
import classes from './alarm.module.css'

const MARKS: Record<StageState, string> = { finished: '✓', active: '…', timeout: '✕', waiting: '' }

export function Timeline({ alarm }: { alarm: AlarmDetail }) {
  return (
    <ol className={classes.timeline} aria-label="Stages">
      {alarm.rules.map((stage) => (
        <StageItem key={stage.stage} stage={stage} alarm={alarm} />
      ))}
    </ol>
  )
}

function StageItem({ stage, alarm }: { stage: Stage; alarm: AlarmDetail }) {
  const state = alarm.ending != null && stateOf(stage) === 'active' ? 'timeout' : stateOf(stage)
  return (
    <li className={classes.stage} data-state={state}>
      <span className={classes.mark} aria-hidden>
        {MARKS[state] === '' ? stage.stage : MARKS[state]}
      </span>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="start">
        <Text component="h2" fw={600} size="sm">
          {stage.stage}. <Said text={stage.name} limit={200} whole />
        </Text>
        <Text size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
          {STATE_WORDS[state]}
        </Text>
      </Group>
      <Counted
        stage={stage}
        link={href(`/alarms/${part(alarm.alarm_id)}`, { tab: 'events', stage: String(stage.stage) })}
      />
      <RuleFacts of={stage} />
      <Group gap="md" mt={4}>
        <Times stage={stage} />
        {state === 'active' && <TimeLeft until={alarm.deadline ?? (stage.start_time ?? 0) + stage.timeout} />}
        <Text size="xs" c="dimmed">
          reliability {stage.reliability}
        </Text>
      </Group>
    </li>
  )
}

/** How many events there are of those that are needed; a stage that is complete may go on counting. */
function Counted({ stage, link }: { stage: Stage; link: string }) {
  const needed = Math.max(1, stage.occurrence)
  const share = Math.min(100, (stage.events / needed) * 100)
  return (
    <Group gap="xs" my={4} wrap="nowrap">
      <div className={classes.counted} style={{ flex: 1 }}>
        <div style={{ width: `${share}%` }} />
      </div>
      <a href={link} style={{ fontSize: 12, whiteSpace: 'nowrap' }}>
        {count(stage.events)} of {count(needed)} {needed === 1 ? 'event' : 'events'}
      </a>
    </Group>
  )
}

function Times({ stage }: { stage: Stage }) {
  const { start_time: start, end_time: end } = stage
  if (start == null || start === 0) {
    return stage.timeout > 0 ? (
      <Text size="xs" c="dimmed">
        waits {duration(stage.timeout)} once it begins
      </Text>
    ) : null
  }
  return (
    <Text size="xs" c="dimmed" component="div">
      began <When at={start} />
      {end != null && end !== 0 && (
        <>
          , ended <When at={end} /> (took {duration(end - start)})
        </>
      )}
    </Text>
  )
}

function TimeLeft({ until }: { until: number }) {
  const left = until - useNow(1)
  return (
    <Text size="xs" fw={600}>
      {left > 0 ? `${duration(left)} left` : 'time is up'}
    </Text>
  )
}
