// The configuration files: reading them, having a text checked while somebody writes it, and saving it unless somebody else
// has saved another one meanwhile.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ask, get } from '../api/client'
import type { FileList, Problem } from '../api/types'
import { part } from '../routing/place'
import { keys, queryClient } from './client'

export interface FileText {
  text: string
  /** Which version of the file it is. */
  etag: string
}

export function useConfigFiles() {
  return useQuery({
    queryKey: keys.configuration,
    queryFn: () => get<FileList>('/config'),
  })
}

export function useConfigFile(name: string) {
  return useQuery({
    queryKey: [...keys.configuration, name],
    queryFn: async (): Promise<FileText> => {
      const response = await ask('GET', `/config/${part(name)}`, { headers: { accept: '*/*' } })
      return { text: await response.text(), etag: response.headers.get('etag') ?? '' }
    },
    staleTime: Infinity,
    gcTime: 0,
  })
}

/** The problems of a text, as the loader would find them. */
export async function checked(name: string, text: string): Promise<Problem[]> {
  const headers = { 'content-type': 'application/json' }
  const response = await ask('POST', `/config/${part(name)}/check`, { text, headers })
  return ((await response.json()) as { problems: Problem[] }).problems
}

export function useSaveFile(name: string) {
  return useMutation({
    mutationFn: ({ text, etag }: FileText) => {
      const condition: Record<string, string> = etag === '' ? { 'if-none-match': '*' } : { 'if-match': etag }
      const headers = { 'content-type': 'application/json', ...condition }
      return ask('PUT', `/config/${part(name)}`, { text, headers })
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.configuration }),
  })
}

export function useDeleteFile(name: string) {
  return useMutation({
    mutationFn: () => ask('DELETE', `/config/${part(name)}`),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.configuration, exact: true }),
  })
}
