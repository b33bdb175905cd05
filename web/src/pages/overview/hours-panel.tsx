// When it happens: the alarms of the last seven days, hour by hour, in the time zone of whoever looks.
import { Answer } from '../../components/answer'
import { Panel } from '../../components/panel'
import { useOverTime } from '../../data/alarms'
import { linkToAlarms } from '../../lib/filter'
import { hoursOf } from '../../lib/hours'
import { many } from '../../lib/number'
import { DAY, HOUR } from '../../lib/time'
import { useNow } from '../../lib/use-now'
import classes from './overview.module.css'

const DAYS = 7
const HOURS = Array.from({ length: 24 }, (_, hour) => hour)

export function HoursPanel() {
  const now = useNow(60)
  const overTime = useOverTime(new URLSearchParams({ from: String(now - DAYS * DAY) }))
  return (
    <Panel title="Hours of the last seven days">
      <div style={{ overflowX: 'auto' }}>
        <Answer of={overTime} lines={8}>
          {({ parts }) => <Hours parts={parts} now={now} />}
        </Answer>
      </div>
    </Panel>
  )
}

function Hours({ parts, now }: { parts: Parameters<typeof hoursOf>[0]; now: number }) {
  const { days, most } = hoursOf(parts, now, DAYS)
  return (
    <div className={classes.hours}>
      <span />
      {HOURS.map((hour) => (
        <span key={hour} className={classes.hour} aria-hidden>
          {hour % 3 === 0 ? hour : ''}
        </span>
      ))}
      {days.flatMap(({ name, hours }) => [
        <span key={name} className={classes.day}>
          {name}
        </span>,
        ...hours.map(({ start, alarms }, hour) => {
          const label = `${name} ${hour}:00: ${many(alarms, 'alarm')}`
          const share = alarms === 0 ? 0 : 0.12 + (0.36 * alarms) / most
          return alarms === 0 ? (
            <span key={`${name} ${hour}`} className={classes.cell} title={label} />
          ) : (
            <a
              key={`${name} ${hour}`}
              className={classes.cell}
              style={{ backgroundColor: `rgba(var(--heat), ${share})` }}
              href={linkToAlarms({ from: start, until: start + HOUR })}
              title={label}
              aria-label={label}
            >
              {alarms < 1000 ? alarms : '1k+'}
            </a>
          )
        }),
      ])}
    </div>
  )
}
