// A directive as a picture: its stages in a row, with what each asks for, how long it waits, and which risk an alarm has
// after it.
import type { Rule } from '../../api/types'
import { RuleFacts } from '../../components/rule-facts'
import { Said } from '../../components/said'
import { many } from '../../lib/number'
import { duration } from '../../lib/time'
import classes from './stage-picture.module.css'

export function StagePicture({ rules, priority }: { rules: Partial<Rule>[]; priority: number }) {
  return (
    <ol className={classes.row}>
      {rules.map((rule) => (
        <li key={rule.stage} className={classes.stage}>
          <div className={classes.head}>
            <b>
              {rule.stage}. <Said text={rule.name ?? ''} limit={120} whole />
            </b>
          </div>
          <div className={classes.need}>
            {many(rule.occurrence ?? 1, 'event')}
            {(rule.timeout ?? 0) > 0 && <> within {duration(rule.timeout ?? 0)}</>}
          </div>
          <RuleFacts of={rule} />
          <div
            className={classes.foot}
            title={`reliability ${rule.reliability ?? 0} × priority ${priority} × value of the asset / 25`}
          >
            reliability {rule.reliability ?? 0}
          </div>
        </li>
      ))}
    </ol>
  )
}
