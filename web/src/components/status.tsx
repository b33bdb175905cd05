// How far an alarm is, and whether the engine has said something new about it since somebody closed it.
import type { AlarmSummary } from '../api/types'
import { Said } from './said'
import classes from './status.module.css'

export function Status({ of }: { of: Pick<AlarmSummary, 'status' | 'changed_since_closed'> }) {
  return (
    <span className={classes.status} data-closed={of.status.toLowerCase() === 'closed'}>
      <Said text={of.status} limit={40} />
      {of.changed_since_closed && (
        <span className={classes.changed} title="It has got new events since it was closed.">
          new
        </span>
      )}
    </span>
  )
}
