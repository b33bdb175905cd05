// The lists that a user has given a name.
import { useMutation, useQuery } from '@tanstack/react-query'
import { ask, get } from '../api/client'
import type { View } from '../api/types'
import { part } from '../routing/place'
import { keys, queryClient } from './client'

export function useViews() {
  return useQuery({
    queryKey: keys.views,
    queryFn: async () => (await get<{ views: View[] }>('/views')).views,
  })
}

const again = () => queryClient.invalidateQueries({ queryKey: keys.views })

export function useSaveView() {
  return useMutation({
    mutationFn: ({ name, query }: View) => ask('PUT', `/views/${part(name)}`, { body: { query } }),
    onSuccess: again,
  })
}

export function useDeleteView() {
  return useMutation({
    mutationFn: (name: string) => ask('DELETE', `/views/${part(name)}`),
    onSuccess: again,
  })
}
