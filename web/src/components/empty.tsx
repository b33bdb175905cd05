// Nothing is there: says so, and what to do next.
import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py="xl" px="md" ta="center">
      <Text fw={600}>{title}</Text>
      {children !== undefined && (
        <Text component="div" size="sm" c="dimmed" maw={560}>
          {children}
        </Text>
      )}
    </Stack>
  )
}
