// What is loaded, and what it is doing.
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { get, ProblemError } from '../api/client'
import type { Backlogs, DirectiveDetail, DirectivePage } from '../api/types'
import { part } from '../routing/place'
import { keys } from './client'

const ON_A_PAGE = 200
/** Names are known of so many directives; others are called by their id. */
const NAMED = 1_000

export function useDirectives(text: string) {
  return useInfiniteQuery({
    queryKey: [...keys.directives, 'list', text],
    queryFn: ({ pageParam }) =>
      get<DirectivePage>('/directives', { text, after: pageParam, limit: ON_A_PAGE }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next ?? null,
    placeholderData: keepPreviousData,
  })
}

/** What directives are called, by id. */
export function useDirectiveNames(): ReadonlyMap<number, string> {
  const { data } = useQuery({
    queryKey: [...keys.directives, 'names'],
    queryFn: () => get<DirectivePage>('/directives', { limit: NAMED }),
    select: ({ directives }) => new Map(directives.map(({ id, name }) => [id, name])),
    staleTime: 300_000,
  })
  return data ?? NO_NAMES
}

const NO_NAMES: ReadonlyMap<number, string> = new Map()

export function useDirective(id: string) {
  return useQuery({
    queryKey: [...keys.directives, 'one', id],
    queryFn: () => get<DirectiveDetail>(`/directives/${part(id)}`),
    refetchInterval: 30_000,
  })
}

/** The open backlogs of a directive; null where nobody can say. */
export function useBacklogs(id: number) {
  return useQuery({
    queryKey: [...keys.directives, 'backlogs', id],
    queryFn: async (): Promise<Backlogs | null> => {
      try {
        return await get<Backlogs>(`/directives/${id}/backlogs`)
      } catch (error) {
        if (error instanceof ProblemError && error.status === 404) return null
        throw error
      }
    },
    refetchInterval: 5_000,
  })
}
