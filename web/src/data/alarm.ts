// One alarm: what the engine says of it, its events, what was done with it, and why it was raised.
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { get } from '../api/client'
import type { AlarmDetail, EventPage, Explanation, HistoryEntry } from '../api/types'
import { part } from '../routing/place'
import { keys } from './client'

const EVENTS_ON_A_PAGE = 50

export function useAlarm(id: string) {
  return useQuery({
    queryKey: [...keys.alarm(id), 'detail'],
    queryFn: () => get<AlarmDetail>(`/alarms/${part(id)}`),
  })
}

export function useHistory(id: string) {
  return useQuery({
    queryKey: [...keys.alarm(id), 'history'],
    queryFn: async () => (await get<{ history: HistoryEntry[] }>(`/alarms/${part(id)}/history`)).history,
  })
}

export function useExplanation(id: string) {
  return useQuery({
    queryKey: [...keys.alarm(id), 'explain'],
    queryFn: () => get<Explanation>(`/alarms/${part(id)}/explain`),
  })
}

export function useStageEvents(id: string, stage: number) {
  return useInfiniteQuery({
    queryKey: [...keys.alarm(id), 'events', stage],
    queryFn: ({ pageParam }) =>
      get<EventPage>(`/alarms/${part(id)}/events`, { stage, after: pageParam, limit: EVENTS_ON_A_PAGE }),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  })
}
