// The frame of a page: its name for the window and the reader, and what can be done on all of it.
import { Group, Stack, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { cut, visible } from '../lib/visible'

const LONGEST_NAME = 80

interface Props {
  /** As text, for the window. */
  name: string
  /** As it is shown; the name, if nothing else is said. */
  title?: ReactNode
  side?: ReactNode
  children: ReactNode
}

export function Page({ name, title, side, children }: Props) {
  useDocumentTitle(`${cut(visible(name), LONGEST_NAME)} · dsiem`)
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="xs" mih={30}>
        <Title order={1}>{title ?? name}</Title>
        {side !== undefined && <Group gap="xs">{side}</Group>}
      </Group>
      {children}
    </Stack>
  )
}
