// A document as it is, for people who want to see all of it.
import { Group } from '@mantine/core'
import { visible } from '../lib/visible'
import { Copy } from './copy'
import classes from './json.module.css'

/** Longer documents can be copied, and are shown up to here. */
const SHOWN = 200_000

export function Json({ of, what }: { of: unknown; what: string }) {
  const text = JSON.stringify(of, null, 2)
  const lines = text.slice(0, SHOWN).split('\n')
  return (
    <div className={classes.json}>
      <Group className={classes.copy}>
        <Copy text={text} what={what} />
      </Group>
      {/* It scrolls, so it has to be reached by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} role="region" aria-label={what} dir="ltr">
        {lines.map(visible).join('\n')}
        {text.length > SHOWN && '\n…'}
      </pre>
    </div>
  )
}
