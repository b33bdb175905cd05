import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Refresher } from './refresher'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('asks at once, and then once in a period however much changes', () => {
  const ask = vi.fn()
  const refresher = new Refresher(ask, 1_000, () => Date.now())
  refresher.changed()
  vi.advanceTimersByTime(0)
  expect(ask).toHaveBeenCalledTimes(1)
  for (let step = 0; step < 100; step += 1) {
    refresher.changed()
    vi.advanceTimersByTime(30)
  }
  expect(ask).toHaveBeenCalledTimes(4)
})

it('asks no more once it is stopped', () => {
  const ask = vi.fn()
  const refresher = new Refresher(ask, 1_000, () => Date.now())
  refresher.changed()
  refresher.stop()
  vi.advanceTimersByTime(5_000)
  expect(ask).not.toHaveBeenCalled()
})
