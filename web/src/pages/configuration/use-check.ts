// Has a text checked by the server when somebody pauses while writing it. What was checked before is known.
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { checked } from '../../data/configuration'

const PAUSE_MILLIS = 350
const KEPT_MILLIS = 60_000

export function useCheck(name: string, text: string) {
  const [paused] = useDebouncedValue(text, PAUSE_MILLIS)
  const check = useQuery({
    queryKey: ['check', name, paused],
    queryFn: () => checked(name, paused),
    placeholderData: keepPreviousData,
    gcTime: KEPT_MILLIS,
    staleTime: KEPT_MILLIS,
  })
  return { ...check, isFetching: check.isFetching || paused !== text }
}
