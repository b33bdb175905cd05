// Alarms over time: the server tells of the hours or days in which there was an alarm; charts need the others as well.
import type { OverTime } from '../api/types'

export type Part = OverTime['parts'][number]

/** All parts from then to then, those without an alarm too. Parts begin at multiples of their length (UTC). */
export function filled(parts: readonly Part[], resolution: number, from: number, until: number): Part[] {
  const known = new Map(parts.map((part) => [part.start, part]))
  const all: Part[] = []
  for (let start = Math.floor(from / resolution) * resolution; start < until; start += resolution) {
    all.push(known.get(start) ?? { start, low: 0, medium: 0, high: 0 })
  }
  return all
}

export const alarmsOf = ({ low, medium, high }: Part): number => low + medium + high
