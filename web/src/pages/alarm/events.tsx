// The events of a stage, page by page, each with every field.
import { ActionIcon, Button, Group, SegmentedControl, Text } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { Fragment, useState } from 'react'
import type { AlarmDetail, StageEvent } from '../../api/types'
import { Address } from '../../components/address'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Json } from '../../components/json'
import { Said } from '../../components/said'
import { useStageEvents } from '../../data/alarm'
import { count } from '../../lib/number'
import { go, href, part } from '../../routing/place'
import { usePlace } from '../../routing/use-place'
import classes from './alarm.module.css'

export function Events({ alarm }: { alarm: AlarmDetail }) {
  const { query } = usePlace()
  const first = alarm.rules.find((stage) => stage.events > 0)?.stage ?? 1
  const stage = Number(query.get('stage')) || first
  const choose = (value: string) => {
    const params = new URLSearchParams(query)
    params.set('stage', value)
    go(href(`/alarms/${part(alarm.alarm_id)}`, params), true)
  }
  return (
    <>
      <SegmentedControl
        size="xs"
        mb="xs"
        aria-label="Stage"
        value={String(stage)}
        onChange={choose}
        data={alarm.rules.map((one) => ({
          value: String(one.stage),
          label: `Stage ${one.stage} (${count(one.events)})`,
        }))}
      />
      <StageEvents key={stage} id={alarm.alarm_id} stage={stage} />
    </>
  )
}

function StageEvents({ id, stage }: { id: string; stage: number }) {
  const pages = useStageEvents(id, stage)
  return (
    <Answer of={pages} lines={8}>
      {({ pages: loaded }) => {
        const events = loaded.flatMap((page) => page.events)
        if (events.length === 0) return <Empty title="No event has been counted for this stage" />
        return (
          <>
            <EventTable events={events} />
            {pages.hasNextPage && (
              <Group justify="center" mt="xs">
                <Button
                  variant="default"
                  loading={pages.isFetchingNextPage}
                  onClick={() => void pages.fetchNextPage()}
                >
                  More events
                </Button>
              </Group>
            )}
          </>
        )
      }}
    </Answer>
  )
}

function EventTable({ events }: { events: StageEvent[] }) {
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set())
  const toggle = (number: number) => {
    const next = new Set(opened)
    if (!next.delete(number)) next.add(number)
    setOpened(next)
  }
  return (
    <div style={{ overflowX: 'auto' }}>
      <table className={classes.events} aria-label="Events">
        <thead>
          <tr>
            <th>
              <span className="unseen">Fields</span>
            </th>
            <th>Time</th>
            <th>Event</th>
            <th>From</th>
            <th>To</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <Fragment key={event.number}>
              <EventRow
                event={event}
                isOpen={opened.has(event.number)}
                onToggle={() => toggle(event.number)}
              />
              {opened.has(event.number) && (
                <tr>
                  <td colSpan={5}>
                    <Fields event={event} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function EventRow({ event, isOpen, onToggle }: { event: StageEvent; isOpen: boolean; onToggle: () => void }) {
  const field = (name: string) => textOf(event.event?.[name])
  return (
    <tr>
      <td>
        <ActionIcon
          size="xs"
          onClick={onToggle}
          aria-expanded={isOpen}
          aria-label={`All fields of event ${event.number}`}
        >
          {isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        </ActionIcon>
      </td>
      <td style={{ whiteSpace: 'nowrap' }}>
        <Said text={field('timestamp')} limit={40} />
      </td>
      <td>
        <Said text={field('title') || event.event_id} limit={160} />
      </td>
      <td>{field('src_ip') !== '' && <Address of={field('src_ip')} />}</td>
      <td>{field('dst_ip') !== '' && <Address of={field('dst_ip')} />}</td>
    </tr>
  )
}

function Fields({ event }: { event: StageEvent }) {
  if (event.event == null) {
    return (
      <Text size="sm" c="dimmed">
        Only the id is known: <Said text={event.event_id} />. Of each stage, the first and the newest events
        are kept whole.
      </Text>
    )
  }
  return <Json of={event.event} what={`event ${event.number} as JSON`} />
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
