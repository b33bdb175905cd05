// What goes through the engine just now, and how that was in the last minutes.
import type { EngineFigures } from '../../api/types'
import { Sparkline } from '../../components/chart/sparkline'
import { useEngine } from '../../data/system'
import { compact } from '../../lib/number'
import classes from './overview.module.css'

type Point = EngineFigures['points'][number]

const FIGURES: [string, (of: EngineFigures | Point) => number][] = [
  ['events a second', (of) => of.events_per_second],
  ['open backlogs', (of) => of.open_backlogs],
]

export function EngineFiguresView() {
  const { data } = useEngine()
  return FIGURES.map(([name, valueOf]) => (
    <a key={name} className={classes.figure} href="#/system">
      <b>{data === undefined ? '…' : compact(Math.round(valueOf(data)))}</b>
      <span className="soft">{name}</span>
      <Sparkline values={(data?.points ?? []).map(valueOf)} />
    </a>
  ))
}
