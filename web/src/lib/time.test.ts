import { describe, expect, it } from 'vitest'
import { absolute, duration, fromLocalInput, relative, toLocalInput } from './time'

const NOW = 1_700_000_000

describe('relative', () => {
  it.each([
    [0, 'now'],
    [4, 'now'],
    [5, '5 s ago'],
    [59, '59 s ago'],
    [60, '1 min ago'],
    [3_599, '59 min ago'],
    [3_600, '1 h ago'],
    [86_399, '23 h ago'],
    [86_400 * 400, '400 d ago'],
    [-90, 'in 1 min'],
  ])('%i s back is %s', (back, text) => expect(relative(NOW - back, NOW)).toBe(text))
})

describe('duration', () => {
  it.each([
    [-1, '0 s'],
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [3_900, '1 h 5 min'],
    [3_601, '1 h'],
    [90_000, '1 d 1 h'],
  ])('%i s is %s', (secs, text) => expect(duration(secs)).toBe(text))
})

describe('absolute', () => {
  it('can be read back', () => expect(new Date(absolute(NOW).replace(' ', 'T')).getTime()).toBe(NOW * 1_000))
  it('shows what is no time as it is', () => expect(absolute(1e20)).toBe('100000000000000000000'))
})

describe('fields for times', () => {
  it('keep the minute', () => expect(fromLocalInput(toLocalInput(NOW))).toBe(NOW - (NOW % 60)))
  it('may be empty', () => {
    expect(toLocalInput(null)).toBe('')
    expect(fromLocalInput('')).toBeNull()
  })
})
