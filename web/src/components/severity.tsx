// How bad a problem or a state is, as a word with a sign.
import classes from './severity.module.css'

const SIGNS = { ok: '✓', warning: '!', error: '✕' } as const

export function Severity({ of, children }: { of: keyof typeof SIGNS; children: string }) {
  return (
    <span className={classes.severity} data-severity={of}>
      <span aria-hidden>{SIGNS[of]}</span> {children}
    </span>
  )
}
