// What is known from the server, and how long it counts as fresh. Lists are asked for again when changes are told of, so
// nothing has to be asked for again by time alone.
import { QueryClient } from '@tanstack/react-query'
import { ProblemError } from '../api/client'

/** Trying again helps where nobody answered or the server is busy; a refusal stays one. */
function isWorthTrying(error: unknown): boolean {
  return !(error instanceof ProblemError) || error.status === 0 || error.status === 429 || error.status >= 502
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 2 && isWorthTrying(error),
    },
  },
})

/** The names under which answers are kept. */
export const keys = {
  session: ['session'],
  choices: ['choices'],
  lists: ['alarms'],
  figures: ['figures'],
  alarm: (id: string) => ['alarm', id],
  directives: ['directives'],
  system: ['system'],
  configuration: ['configuration'],
  views: ['views'],
  users: ['users'],
  tokens: ['tokens'],
  audit: ['audit'],
  notifications: ['notifications'],
} as const
