// Names with values, one below the other or in a row.
import type { ReactNode } from 'react'
import classes from './facts.module.css'

interface Props {
  of: (readonly [string, ReactNode])[]
  inline?: boolean
}

export function Facts({ of, inline = false }: Props) {
  return (
    <dl className={inline ? classes.inline : classes.facts}>
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
