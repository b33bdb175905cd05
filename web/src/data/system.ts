// How the installation is, and what goes through the engine.
import { useQuery } from '@tanstack/react-query'
import { get } from '../api/client'
import type { EngineFigures, SystemState } from '../api/types'
import { keys } from './client'

/** How far back the live figures go. */
const MINUTES = 15

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
    queryFn: () => get<EngineFigures>('/statistics/engine', { minutes: MINUTES }),
    refetchInterval: 5_000,
  })
}
