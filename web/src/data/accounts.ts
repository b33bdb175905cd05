// Users, their tokens, and what everybody did.
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { ask, get, send } from '../api/client'
import type { AuditPage, Role, Token, User } from '../api/types'
import { part } from '../routing/place'
import { keys, queryClient } from './client'

const AUDIT_ENTRIES_ON_A_PAGE = 100

export function useUsers() {
  return useQuery({
    queryKey: keys.users,
    queryFn: async () => (await get<{ users: User[] }>('/users')).users,
  })
}

const usersAgain = () => queryClient.invalidateQueries({ queryKey: keys.users })

export function useAddUser() {
  return useMutation({
    mutationFn: (user: { name: string; role: Role; password: string }) => send('POST', '/users', user),
    onSuccess: usersAgain,
  })
}

export interface UserChange {
  name: string
  change: { role?: Role; password?: string; disabled?: boolean }
}

export function useChangeUser() {
  return useMutation({
    mutationFn: ({ name, change }: UserChange) => send('PATCH', `/users/${part(name)}`, change),
    onSuccess: usersAgain,
  })
}

export function useDeleteUser() {
  return useMutation({
    mutationFn: (name: string) => ask('DELETE', `/users/${part(name)}`),
    onSuccess: usersAgain,
  })
}

export function useTokens() {
  return useQuery({
    queryKey: keys.tokens,
    queryFn: async () => (await get<{ tokens: Token[] }>('/tokens')).tokens,
  })
}

const tokensAgain = () => queryClient.invalidateQueries({ queryKey: keys.tokens })

export interface NewToken {
  name: string
  role: Role
  expires_in_days: number | null
}

export function useAddToken() {
  return useMutation({
    mutationFn: (token: NewToken) => send<{ token: string }>('POST', '/tokens', token),
    onSuccess: tokensAgain,
  })
}

export function useDeleteToken() {
  return useMutation({
    mutationFn: (id: number) => ask('DELETE', `/tokens/${id}`),
    onSuccess: tokensAgain,
  })
}

export function useAudit() {
  return useInfiniteQuery({
    queryKey: keys.audit,
    queryFn: ({ pageParam }) =>
      get<AuditPage>('/audit', {
        after: pageParam,
        limit: AUDIT_ENTRIES_ON_A_PAGE,
      }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next ?? null,
    staleTime: 0,
  })
}
