// The configuration files: reading them, having a text checked while somebody writes it, and saving it unless somebody else
// has saved another one meanwhile.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ask, get } from '../api/client'
import type { ConfigFile, Problem } from '../api/types'
import { keys, queryClient } from './client'

export interface FileText {
  text: string
  /** Which version of the file it is. */
  etag: string
}

export function useConfigFiles() {
  return useQuery({
    queryKey: keys.configuration,
    queryFn: () => get<{ writable: boolean; files: ConfigFile[] }>('/config'),
  })
}

export function useConfigFile(name: string) {
  return useQuery({
    queryKey: [...keys.configuration, name],
    queryFn: async (): Promise<FileText> => {
      const response = await ask('GET', `/config/${encodeURIComponent(name)}`, { headers: { accept: '*/*' } })
      return { text: await response.text(), etag: response.headers.get('etag') ?? '' }
    },
    staleTime: Infinity,
    gcTime: 0,
  })
}

/** The problems of a text, as the loader would find them. */
export async function checked(name: string, text: string): Promise<Problem[]> {
  const headers = { 'content-type': 'text/plain' }
  const response = await ask('POST', `/config/${encodeURIComponent(name)}/check`, { text, headers })
  return ((await response.json()) as { problems: Problem[] }).problems
}

function forgetFiles(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: keys.configuration, exact: true })
}

export function useSaveFile(name: string) {
  return useMutation({
    mutationFn: async ({ text, etag }: FileText): Promise<FileText> => {
      const condition: Record<string, string> = etag === '' ? { 'if-none-match': '*' } : { 'if-match': etag }
      const headers = { 'content-type': 'text/plain', ...condition }
      const response = await ask('PUT', `/config/${encodeURIComponent(name)}`, { text, headers })
      return { text, etag: response.headers.get('etag') ?? '' }
    },
    onSuccess: async (saved) => {
      queryClient.setQueryData([...keys.configuration, name], saved)
      await forgetFiles()
    },
  })
}

export function useDeleteFile(name: string) {
  return useMutation({
    mutationFn: (etag: string) =>
      ask('DELETE', `/config/${encodeURIComponent(name)}`, { headers: etag === '' ? {} : { 'if-match': etag } }),
    onSuccess: forgetFiles,
  })
}
