// Text that somebody else chose, most likely the attacker: it is shown as text, does not turn its neighbours around, shows
// characters that one would not see, and takes no more room than it is given until somebody asks for all of it.
import { UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { count } from '../lib/number'
import { cut, pieces } from '../lib/visible'
import classes from './said.module.css'

interface Props {
  text: string
  /** Characters that are shown at first. */
  limit?: number
  /** Whether all of it can be asked for here; in a table it cannot, the row leads to it. */
  whole?: boolean
}

export function Said({ text, limit = 300, whole = false }: Props) {
  const [all, setAll] = useState(false)
  const shown = all ? text : cut(text, limit)
  return (
    <>
      <bdi className={classes.said}>
        {pieces(shown).map((piece, index) =>
          piece.isEscape ? (
            <span key={index} className={classes.escape} title="a character that is not seen">
              {piece.text}
            </span>
          ) : (
            piece.text
          ),
        )}
        {shown.length < text.length && '…'}
      </bdi>
      {whole && text.length > limit && (
        <UnstyledButton className={classes.more} onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? 'show less' : `show all ${count(text.length)} characters`}
        </UnstyledButton>
      )}
    </>
  )
}
