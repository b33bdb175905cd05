import { expect, it } from 'vitest'
import { hoursOf } from './hours'
import { filled } from './parts'
import { HOUR } from './time'

const noon = Math.floor(new Date(2026, 10, 22, 12, 30).getTime() / 1_000)
const part = (start: number, high: number) => ({ start, low: 1, medium: 0, high })

it('puts alarms into the hours of the browser', () => {
  const hour = noon - (noon % HOUR)
  const { days, most } = hoursOf(
    [part(hour, 2), part(hour - 24 * HOUR, 0), part(hour - 30 * 24 * HOUR, 5)],
    noon,
    7,
  )
  expect(days.map(({ name }) => name).slice(-2)).toEqual(['Sat 11-21', 'Sun 11-22'])
  expect(days[6]?.hours[new Date(hour * 1_000).getHours()]).toEqual({ start: hour, alarms: 3 })
  expect(days[5]?.hours.reduce((sum, { alarms }) => sum + alarms, 0)).toBe(1)
  expect(most).toBe(3)
})

it('fills in the times without an alarm', () => {
  const parts = filled([part(7_200, 1)], HOUR, 3_700, 14_300)
  expect(parts.map(({ start, high }) => [start, high])).toEqual([
    [3_600, 0],
    [7_200, 1],
    [10_800, 0],
  ])
})
