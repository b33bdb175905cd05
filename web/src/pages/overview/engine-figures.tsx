// What goes through the engine just now.
import { useEngine } from '../../data/system'
import { compact } from '../../lib/number'
import classes from './overview.module.css'

export function EngineFiguresView() {
  const { data } = useEngine()
  const figures: [string, number | null | undefined][] = [
    ['events a second', data?.events_per_second],
    ['open backlogs', data?.open_backlogs],
  ]
  return figures.map(([name, value]) => (
    <a key={name} className={classes.figure} href="#/system">
      <b>{value == null ? '…' : compact(value)}</b>
      <span className="soft">{name}</span>
    </a>
  ))
}
