// A part of a page with a heading. All pages are made of these, so that they look alike.
import { Group, Title } from '@mantine/core'
import { type ReactNode, useId } from 'react'
import classes from './panel.module.css'

interface Props {
  title: ReactNode
  /** What stands at the right of the heading. */
  side?: ReactNode
  children: ReactNode
  /** The content goes to the edges, as tables do. */
  flush?: boolean
}

export function Panel({ title, side, children, flush = false }: Props) {
  const id = useId()
  return (
    <section className={classes.panel} aria-labelledby={id}>
      <Group className={classes.head} justify="space-between" gap="xs">
        <Title order={2} id={id}>
          {title}
        </Title>
        {side}
      </Group>
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  )
}
