// How dangerous an alarm is: a colour, a shape and a letter, so that it can be told without seeing colours.
import type { RiskClass } from '../api/types'
import classes from './risk.module.css'

const SHAPES: Record<RiskClass, string> = { High: '▲', Medium: '◆', Low: '●' }

export function Risk({ value, of, long = false }: { value: number; of: RiskClass; long?: boolean }) {
  return (
    <span className={classes.risk} data-class={of} title={`Risk ${value} of 10: ${of}`}>
      <span aria-hidden>{SHAPES[of]}</span>
      {long ? of : <abbr title={of}>{of.slice(0, 1)}</abbr>}
      <b>{value}</b>
    </span>
  )
}

/** The class alone, where it is a heading or a choice. */
export function RiskName({ of }: { of: RiskClass }) {
  return (
    <span className={classes.name} data-class={of}>
      <span aria-hidden>{SHAPES[of]}</span> {of}
    </span>
  )
}
