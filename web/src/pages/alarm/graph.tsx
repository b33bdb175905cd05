// Who talked to whom: sources at the left, destinations at the right, and lines as thick as there are events between them.
import type { AlarmDetail } from '../../api/types'
import { usePairs } from '../../data/pairs'
import { linkToAlarms } from '../../lib/filter'
import { many } from '../../lib/number'
import { cut, visible } from '../../lib/visible'
import classes from './alarm.module.css'

/** Of more addresses on one side, only the number is told. */
const SHOWN = 12
const LINE = 22
const WIDTH = 356
const LEFT = 128
const RIGHT = WIDTH - 128
const LONGEST_NAME = 19

export function Graph({ alarm }: { alarm: AlarmDetail }) {
  const pairs = usePairs(alarm)
  const sources = alarm.src_ips.slice(0, SHOWN)
  const destinations = alarm.dst_ips.slice(0, SHOWN)
  const rows = Math.max(sources.length, destinations.length, 1)
  const height = rows * LINE + 4
  const place = (of: string[], at: number) => ((at + 0.5) * (rows * LINE)) / of.length + 2
  const most = Math.max(1, ...pairs.map((pair) => pair.events))
  const hidden = alarm.src_ips.length - sources.length + alarm.dst_ips.length - destinations.length
  const summary = `${many(alarm.src_ips.length, 'source')} and ${many(alarm.dst_ips.length, 'destination')}`
  return (
    <>
      <svg className={classes.graph} viewBox={`0 0 ${WIDTH} ${height}`} role="group" aria-label={summary}>
        {pairs.map(({ from, to, events }) => {
          const start = sources.indexOf(from)
          const end = destinations.indexOf(to)
          if (start < 0 || end < 0) return null
          const [y1, y2] = [place(sources, start), place(destinations, end)]
          const middle = (LEFT + RIGHT) / 2
          return (
            <path
              key={`${from} ${to}`}
              className={classes.edge}
              d={`M${LEFT} ${y1} C${middle} ${y1} ${middle} ${y2} ${RIGHT} ${y2}`}
              strokeWidth={1 + (3 * Math.log1p(events)) / Math.log1p(most)}
            >
              <title>{`${from} to ${to}: ${many(events, 'event')}`}</title>
            </path>
          )
        })}
        {sources.map((address, index) => (
          <Node key={address} address={address} x={LEFT} y={place(sources, index)} isSource />
        ))}
        {destinations.map((address, index) => (
          <Node key={address} address={address} x={RIGHT} y={place(destinations, index)} isSource={false} />
        ))}
      </svg>
      {hidden > 0 && <span className="soft">and {many(hidden, 'more address', 'more addresses')}</span>}
    </>
  )
}

interface NodeProps {
  address: string
  x: number
  y: number
  isSource: boolean
}

function Node({ address, x, y, isSource }: NodeProps) {
  const name = visible(address)
  const shown = name.length > LONGEST_NAME ? `${cut(name, LONGEST_NAME - 1)}…` : name
  return (
    <a
      href={linkToAlarms({ network: address })}
      aria-label={`${isSource ? 'source' : 'destination'} ${name}`}
    >
      <circle className={classes.node} cx={x} cy={y} r={4} />
      <text x={isSource ? x - 8 : x + 8} y={y + 4} textAnchor={isSource ? 'end' : 'start'}>
        {shown}
      </text>
      <title>{name}</title>
    </a>
  )
}
