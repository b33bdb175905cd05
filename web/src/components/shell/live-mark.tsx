// Whether what one sees is what there is now.
import type { Liveness } from '../../data/changes'
import classes from './shell.module.css'

const WORDS: Record<Liveness, [string, string]> = {
  connecting: ['…', 'The page is connecting to the server.'],
  live: ['live', 'Changes are shown as they happen.'],
  away: ['away', 'The server does not answer: what is shown may be old. The page goes on trying.'],
}

export function LiveMark({ liveness }: { liveness: Liveness }) {
  const [word, meaning] = WORDS[liveness]
  return (
    <span className={classes.live} data-liveness={liveness} title={meaning} role="status">
      {word}
    </span>
  )
}
