// How many alarms were created when, by class.
import { useComputedColorScheme } from '@mantine/core'
import type { RiskClass } from '../../api/types'
import { Answer } from '../../components/answer'
import { BarChart } from '../../components/chart/bar-chart'
import { Panel } from '../../components/panel'
import { RiskName } from '../../components/risk'
import { useOverTime } from '../../data/alarms'
import { linkToAlarms } from '../../lib/filter'
import { filled } from '../../lib/parts'
import { useNow } from '../../lib/use-now'
import { go } from '../../routing/place'
import classes from './overview.module.css'
import { useSince } from './tops'

const CLASSES: RiskClass[] = ['High', 'Medium', 'Low']

export function OverTimePanel({ range }: { range: string }) {
  const from = useSince(range)
  const until = useNow(60) + 60
  const overTime = useOverTime(new URLSearchParams({ from: String(from) }))
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false })
  return (
    <Panel
      title="Alarms over time"
      side={
        <span className={classes.legend}>
          {CLASSES.map((of) => (
            <RiskName key={of} of={of} />
          ))}
        </span>
      }
    >
      <div className={classes.chart}>
        <Answer of={overTime} lines={7}>
          {({ parts, resolution }) => (
            <BarChart
              key={scheme}
              label="Alarms over time, by class"
              bars={filled(parts, resolution, from, until)}
              resolution={resolution}
              onChosen={(start) => go(linkToAlarms({ from: start, until: start + resolution }))}
            />
          )}
        </Answer>
      </div>
    </Panel>
  )
}
