// How things stand: what is open, what comes in, who attacks and what is attacked. Every figure leads to the alarms behind it.
import { SimpleGrid } from '@mantine/core'
import { useState } from 'react'
import { Page } from '../../components/page'
import { useAlarmPage } from '../../data/alarms'
import { RangeChoice } from './range-choice'
import { ClassFigures } from './class-figures'
import { EngineFiguresView } from './engine-figures'
import { HoursPanel } from './hours-panel'
import { NoAlarmYet } from '../alarms/no-alarms'
import { OverTimePanel } from './over-time-panel'
import classes from './overview.module.css'
import { TopAddresses, TopDirectives } from './tops'

const ANY_ALARM = new URLSearchParams({ limit: '1' })

export default function Overview() {
  const [range, setRange] = useState('7d')
  const any = useAlarmPage(ANY_ALARM)
  if (any.data?.alarms.length === 0) {
    return (
      <Page name="Overview">
        <div className={classes.empty}>
          <NoAlarmYet />
        </div>
        <EngineFiguresView />
      </Page>
    )
  }
  return (
    <Page name="Overview" side={<RangeChoice value={range} onChange={setRange} />}>
      <div className={classes.figures}>
        <ClassFigures />
        <EngineFiguresView />
      </div>
      <OverTimePanel range={range} />
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
        <TopDirectives range={range} />
        <TopAddresses what="sources" title="Sources" range={range} />
        <TopAddresses what="destinations" title="Targets" range={range} />
      </SimpleGrid>
      <HoursPanel />
    </Page>
  )
}
