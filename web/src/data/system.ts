// How the installation is, and what goes through the engine.
import { useQuery } from '@tanstack/react-query'
import { get } from '../api/client'
import type { EngineFigures, SystemState } from '../api/types'
import { keys } from './client'

export function useSystem() {
  return useQuery({
    queryKey: keys.system,
    queryFn: () => get<SystemState>('/system'),
    refetchInterval: 5_000,
  })
}

export function useEngine() {
  return useQuery({
    queryKey: [...keys.system, 'engine'],
    queryFn: () => get<EngineFigures>('/statistics/engine'),
    refetchInterval: 2_000,
  })
}
