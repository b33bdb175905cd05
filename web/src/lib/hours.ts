// Puts alarms by hour into days of 24 hours, in the time zone of the browser. Where a clock is put forward or back, an hour is
// empty, or two are in one.
import { alarmsOf, type Part } from './parts'

export interface Day {
  /** `Mon 11-22` */
  name: string
  hours: { start: number; alarms: number }[]
}

const two = (value: number) => String(value).padStart(2, '0')
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** The last `count` days, today last, and the most alarms in one hour. */
export function hoursOf(parts: readonly Part[], now: number, count: number): { days: Day[]; most: number } {
  const days: Day[] = []
  const places = new Map<string, Day>()
  const today = new Date(now * 1_000)
  for (let back = count - 1; back >= 0; back -= 1) {
    const date = new Date(today.getFullYear(), today.getMonth(), today.getDate() - back)
    const hours = Array.from({ length: 24 }, (_, hour) => ({
      start: Math.floor(
        new Date(date.getFullYear(), date.getMonth(), date.getDate(), hour).getTime() / 1_000,
      ),
      alarms: 0,
    }))
    const day = {
      name: `${WEEKDAYS[date.getDay()]} ${two(date.getMonth() + 1)}-${two(date.getDate())}`,
      hours,
    }
    days.push(day)
    places.set(date.toDateString(), day)
  }
  let most = 1
  for (const part of parts) {
    const date = new Date(part.start * 1_000)
    const hour = places.get(date.toDateString())?.hours[date.getHours()]
    if (hour === undefined) continue
    hour.alarms += alarmsOf(part)
    most = Math.max(most, hour.alarms)
  }
  return { days, most }
}
