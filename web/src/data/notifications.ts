// Who is told of alarms: channels, rules, and what was sent or not.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ask, get, send } from '../api/client'
import type { Channel, ChannelRequest, Delivery, NotificationRule, RuleRequest } from '../api/types'
import { keys, queryClient } from './client'

const BASE = '/notifications'
const again = () => queryClient.invalidateQueries({ queryKey: keys.notifications })

export function useChannels() {
  return useQuery({
    queryKey: [...keys.notifications, 'channels'],
    queryFn: async () => (await get<{ channels: Channel[] }>(`${BASE}/channels`)).channels,
  })
}

/** Without an id, it is a new one. */
interface Saved<T> {
  id: number | null
  document: T
}

function saved<T>(what: 'channels' | 'rules', { id, document }: Saved<T>) {
  return id === null
    ? send('POST', `${BASE}/${what}`, document)
    : send('PUT', `${BASE}/${what}/${id}`, document)
}

export function useSaveChannel() {
  return useMutation({
    mutationFn: (channel: Saved<ChannelRequest>) => saved('channels', channel),
    onSuccess: again,
  })
}

export function useDeleteChannel() {
  return useMutation({
    mutationFn: (id: number) => ask('DELETE', `${BASE}/channels/${id}`),
    onSuccess: again,
  })
}

export interface TestResult {
  ok: boolean
  detail: string
}

export function useTestChannel() {
  return useMutation({ mutationFn: (id: number) => send<TestResult>('POST', `${BASE}/channels/${id}/test`) })
}

export function useRules() {
  return useQuery({
    queryKey: [...keys.notifications, 'rules'],
    queryFn: async () => (await get<{ rules: NotificationRule[] }>(`${BASE}/rules`)).rules,
  })
}

export function useSaveRule() {
  return useMutation({ mutationFn: (rule: Saved<RuleRequest>) => saved('rules', rule), onSuccess: again })
}

export function useDeleteRule() {
  return useMutation({ mutationFn: (id: number) => ask('DELETE', `${BASE}/rules/${id}`), onSuccess: again })
}

export function useDeliveries(state: Delivery['state'] | '') {
  return useQuery({
    queryKey: [...keys.notifications, 'deliveries', state],
    queryFn: async () =>
      (await get<{ deliveries: Delivery[] }>(`${BASE}/deliveries`, { state: state === '' ? null : state }))
        .deliveries,
    refetchInterval: 5_000,
  })
}

export function useRetry() {
  return useMutation({
    mutationFn: (id: number) => send('POST', `${BASE}/deliveries/${id}/retry`),
    onSuccess: again,
  })
}
