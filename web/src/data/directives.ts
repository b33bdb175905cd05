// What is loaded, and what it is doing.
import { useQuery } from '@tanstack/react-query'
import { get } from '../api/client'
import type { DirectiveDetail, DirectiveSummary } from '../api/types'
import { keys } from './client'

export function useDirectives() {
  return useQuery({
    queryKey: keys.directives,
    queryFn: async () => (await get<{ directives: DirectiveSummary[] }>('/directives')).directives,
    refetchInterval: 30_000,
  })
}

export function useDirective(id: string) {
  return useQuery({
    queryKey: [...keys.directives, id],
    queryFn: () => get<DirectiveDetail>(`/directives/${encodeURIComponent(id)}`),
    refetchInterval: 10_000,
  })
}
