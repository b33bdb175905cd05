// An address: leads to all alarms with it, and can be copied.
import { linkToAlarms } from '../lib/filter'
import classes from './address.module.css'
import { Copy } from './copy'
import { Said } from './said'

export function Address({ of }: { of: string }) {
  return (
    <span className={classes.address}>
      <a className="mono" href={linkToAlarms({ network: of })} title={`all alarms with ${of}`}>
        <Said text={of} limit={64} />
      </a>
      <span className={classes.copy}>
        <Copy text={of} what={of} />
      </span>
    </span>
  )
}

/** The first of several, and how many more there are. */
export function Addresses({ of }: { of: readonly string[] }) {
  const [first, ...more] = of
  if (first === undefined) return <span className="soft">none</span>
  return (
    <span className={classes.several}>
      <Address of={first} />
      {more.length > 0 && (
        <span className="soft" title={more.slice(0, 30).join(', ')}>
          +{more.length}
        </span>
      )}
    </span>
  )
}
