// What every part of a page does with what it asked the server: a placeholder of the same size while it waits, an error with
// what to do, and otherwise the answer.
import { Skeleton, Stack } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ProblemNote } from './problem'

interface Props<T> {
  of: UseQueryResult<T>
  /** Lines of the placeholder. */
  lines?: number
  children: (data: T) => ReactNode
}

export function Answer<T>({ of, lines = 4, children }: Props<T>) {
  if (of.data !== undefined) return children(of.data)
  if (of.isError) return <ProblemNote error={of.error} again={() => void of.refetch()} />
  return <Waiting lines={lines} />
}

export function Waiting({ lines = 4 }: { lines?: number }) {
  return (
    <Stack gap={8} aria-busy role="status" aria-label="loading" p={4}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={16} width={`${100 - ((line * 13) % 35)}%`} />
      ))}
    </Stack>
  )
}
