// Which sources of an alarm its events went from to which destinations, as far as its first events of each stage tell.
import { useQueries } from '@tanstack/react-query'
import { get } from '../api/client'
import type { AlarmDetail, EventPage } from '../api/types'
import { part } from '../routing/place'
import { keys } from './client'

const EVENTS_OF_A_STAGE = 200

export interface Pair {
  from: string
  to: string
  events: number
}

/** Counts the events between each two addresses. */
export function pairsOf(pages: EventPage[]): Pair[] {
  const pairs = new Map<string, Pair>()
  for (const { event } of pages.flatMap((page) => page.events)) {
    const from = event?.['src_ip']
    const to = event?.['dst_ip']
    if (typeof from !== 'string' || typeof to !== 'string') continue
    const name = `${from} ${to}`
    const pair = pairs.get(name) ?? { from, to, events: 0 }
    pair.events += 1
    pairs.set(name, pair)
  }
  return [...pairs.values()]
}

export function usePairs({ alarm_id: id, rules, src_ips, dst_ips }: AlarmDetail): Pair[] {
  const pages = useQueries({
    queries: rules
      .filter((stage) => stage.events > 0)
      .map(({ stage }) => ({
        queryKey: [...keys.alarm(id), 'pairs', stage],
        queryFn: () =>
          get<EventPage>(`/alarms/${part(id)}/events`, { stage, after: 0, limit: EVENTS_OF_A_STAGE }),
      })),
    combine: (answers) => pairsOf(answers.flatMap(({ data }) => data ?? [])),
  })
  // With one address on a side, the events need not be asked.
  const implied = src_ips.length === 1 || dst_ips.length === 1
  if (pages.length > 0 || !implied) return pages
  return src_ips.flatMap((from) => dst_ips.map((to) => ({ from, to, events: 1 })))
}
