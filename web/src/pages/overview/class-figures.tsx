// How many alarms of each class somebody still has to look at.
import type { RiskClass } from '../../api/types'
import { RiskName } from '../../components/risk'
import { useFacets, useOpenStates } from '../../data/alarms'
import { linkToAlarms } from '../../lib/filter'
import { compact } from '../../lib/number'
import classes from './overview.module.css'

const CLASSES: RiskClass[] = ['High', 'Medium', 'Low']

export function ClassFigures() {
  const status = useOpenStates()
  const { data } = useFacets(new URLSearchParams(status.map((word) => ['status', word])))
  return CLASSES.map((of) => {
    const alarms = data?.class.find(({ value }) => value === of)?.alarms ?? 0
    return (
      <a key={of} className={classes.figure} data-class={of} href={linkToAlarms({ class: of, status })}>
        <b>{data === undefined ? '…' : compact(alarms)}</b>
        <span>
          open, <RiskName of={of} />
        </span>
      </a>
    )
  })
}
