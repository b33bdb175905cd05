// The time, for what is shown as "3 min ago". One clock ticks for the whole page, and what shows minutes is drawn anew only
// when they change.
import { useSyncExternalStore } from 'react'

const TICK_MILLIS = 1_000
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | null = null

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    for (const tell of listeners) tell()
  }, TICK_MILLIS)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer)
      timer = null
    }
  }
}

/** Seconds since 1970, in steps of `step`. */
export function useNow(step = 5): number {
  return useSyncExternalStore(subscribe, () => Math.floor(Date.now() / 1_000 / step) * step)
}
