// What a part of the installation says of itself: names with numbers, and parts of it with theirs. The names are the
// server's, so that a new figure is seen without a new page.
import { count } from '../lib/number'
import { Facts } from './facts'
import { Said } from './said'

/** `open_backlogs` reads `open backlogs`. */
const readable = (name: string) => name.replaceAll('_', ' ')

/** Names and values in one list; what is inside something has the name of both. */
function flat(value: unknown, name: string): [string, string][] {
  if (Array.isArray(value)) {
    return value.every((one) => typeof one !== 'object')
      ? [[name, value.map(String).join(', ')]]
      : value.flatMap((one, index) => flat(one, `${name} ${index + 1}`))
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) =>
      flat(inner, name === '' ? readable(key) : `${name}: ${readable(key)}`),
    )
  }
  return [
    [
      name,
      typeof value === 'number' ? count(value) : value === null || value === undefined ? '–' : String(value),
    ],
  ]
}

export function FigureList({ of }: { of: object }) {
  const figures = flat(of, '')
  if (figures.length === 0) return <span className="soft">nothing is known</span>
  return (
    <Facts of={figures.map(([name, value]) => [name, <Said key={name} text={value} limit={160} whole />])} />
  )
}
