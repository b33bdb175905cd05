// Who looks at the page, what he may do, and how he comes and goes.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ask, get, ProblemError, send, setCsrfToken } from '../api/client'
import type { LoginOptions, Role, Session } from '../api/types'
import { keys, queryClient } from './client'

async function currentSession(): Promise<Session | null> {
  try {
    return taken(await get<Session>('/session'))
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) return null
    throw error
  }
}

function taken(session: Session): Session {
  setCsrfToken(session.csrf_token)
  return session
}

/** The session; null while nobody is logged in. */
export function useSession() {
  return useQuery({ queryKey: keys.session, queryFn: currentSession, staleTime: Infinity })
}

/** Nobody is logged in any more; whatever was known is forgotten. */
export function forgetSession(): void {
  setCsrfToken('')
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== keys.session[0] })
  queryClient.setQueryData(keys.session, null)
}

function useComing<T>(path: string) {
  return useMutation({
    mutationFn: async (with_: T) => taken(await send<Session>('POST', path, with_)),
    onSuccess: (session) => queryClient.setQueryData(keys.session, session),
  })
}

export const useLogin = () => useComing<{ name: string; password: string }>('/session')
export const useSetUp = () => useComing<{ token: string; name: string; password: string }>('/set-up')

export function useLogout() {
  return useMutation({ mutationFn: () => ask('DELETE', '/session'), onSuccess: forgetSession })
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (change: { old: string; new: string }) => ask('POST', '/session/password', { body: change }),
  })
}

export function useLoginOptions() {
  return useQuery({ queryKey: ['login-options'], queryFn: () => get<LoginOptions>('/login-options') })
}

const RANKS: Role[] = ['viewer', 'analyst', 'admin']

/** Whether the user has this role or one above it. */
export function useMay(role: Role): boolean {
  const { data } = useSession()
  return data != null && RANKS.indexOf(data.user.role) >= RANKS.indexOf(role)
}
