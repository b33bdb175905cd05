// Lists of alarms, the figures about them, and what is done with many of them at once.
import { keepPreviousData, useMutation, useQuery } from '@tanstack/react-query'
import { get, send } from '../api/client'
import type { AlarmPage, AlarmSummary, ChangeResult, Choices, Facets, OverTime, Target } from '../api/types'
import { keys, queryClient } from './client'

export function useAlarmPage(query: URLSearchParams, enabled = true) {
  return useQuery({
    queryKey: [...keys.lists, query.toString()],
    queryFn: () => get<AlarmPage>('/alarms', query),
    placeholderData: keepPreviousData,
    enabled,
  })
}

export function useFacets(query: URLSearchParams) {
  return useQuery({
    queryKey: [...keys.figures, 'facets', query.toString()],
    queryFn: () => get<Facets>('/alarms/facets', query),
    placeholderData: keepPreviousData,
  })
}

export function useOverTime(query: URLSearchParams) {
  return useQuery({
    queryKey: [...keys.figures, 'over-time', query.toString()],
    queryFn: () => get<OverTime>('/statistics/alarms-over-time', query),
    placeholderData: keepPreviousData,
  })
}

export function useTop(what: 'sources' | 'destinations', from: number, limit: number) {
  return useQuery({
    queryKey: [...keys.figures, 'top', what, from, limit],
    queryFn: () =>
      get<{ top: { value: string; alarms: number }[] }>('/statistics/top', { what, from, limit }),
    placeholderData: keepPreviousData,
  })
}

/** The installation's words for status and tag. */
export function useChoices(): Choices {
  const { data } = useQuery({
    queryKey: keys.choices,
    queryFn: () => get<Choices>('/choices'),
    staleTime: Infinity,
  })
  return data ?? NO_CHOICES
}

const NO_CHOICES: Choices = { status: [], tags: [] }

/** The states of alarms that somebody still has to look at: all but the closed one. */
export function useOpenStates(): string[] {
  const { status } = useChoices()
  return status.filter((word) => word.toLowerCase() !== 'closed')
}

/** What is done with alarms. */
export type Deed =
  | { kind: 'status'; status: string }
  | { kind: 'tag'; tag: string }
  | { kind: 'assignee'; assignee: string }
  | { kind: 'comment'; text: string }
  | { kind: 'delete' }

function changeOf(deed: Exclude<Deed, { kind: 'comment' | 'delete' }>): Record<string, string> {
  if (deed.kind === 'status') return { status: deed.status }
  return deed.kind === 'tag' ? { tag: deed.tag } : { assignee: deed.assignee }
}

function sent(deed: Deed, targets: Target[]): Promise<{ results: ChangeResult[] }> {
  if (deed.kind === 'comment') return send('POST', '/alarms/comment', { targets, text: deed.text })
  if (deed.kind === 'delete') return send('POST', '/alarms/delete', { targets })
  return send('POST', '/alarms/change', { targets, ...changeOf(deed) })
}

/** Alarms as they were seen, and what is to be done with them; `even` if somebody else has changed them since. */
export interface Order {
  alarms: Pick<AlarmSummary, 'alarm_id' | 'version' | 'title'>[]
  deed: Deed
  even?: boolean
}

export function useHandle() {
  return useMutation({
    mutationFn: async ({ alarms, deed, even }: Order) => {
      const targets = alarms.map(({ alarm_id, version }) => ({
        alarm_id,
        version: even === true ? null : version,
      }))
      return (await sent(deed, targets)).results
    },
    onSettled: (_results, _error, { alarms }) =>
      Promise.all([
        queryClient.invalidateQueries({ queryKey: keys.lists }),
        queryClient.invalidateQueries({ queryKey: keys.figures }),
        ...alarms.map(({ alarm_id }) => queryClient.invalidateQueries({ queryKey: keys.alarm(alarm_id) })),
      ]),
  })
}
