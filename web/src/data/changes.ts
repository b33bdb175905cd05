// The server tells of changes as they happen; what is shown of them is then asked for again. One connection serves the whole
// page. When it breaks, the browser connects again by itself, and everything is asked for again, since some may be missed.
import { useEffect, useState } from 'react'
import { address } from '../api/client'
import type { AlarmChanges } from '../api/types'
import { keys, queryClient } from './client'
import { Refresher } from './refresher'

/** Lists are asked for at most once in this time, figures in that, in milliseconds. */
const LISTS_EVERY = 1_000
const FIGURES_EVERY = 8_000

export type Liveness = 'connecting' | 'live' | 'away'

/** Alarms that changed since they were asked for last. */
const changedAlarms = new Set<string>()

function refreshLists(): void {
  void queryClient.invalidateQueries({ queryKey: keys.lists })
  for (const id of changedAlarms) void queryClient.invalidateQueries({ queryKey: keys.alarm(id) })
  changedAlarms.clear()
}

function refreshFigures(): void {
  void queryClient.invalidateQueries({ queryKey: keys.figures })
}

function refreshAll(): void {
  void queryClient.invalidateQueries({
    predicate: ({ queryKey }) => ['alarms', 'figures', 'alarm'].includes(String(queryKey[0])),
  })
}

/** Listens while it is mounted; says whether it hears anything. */
export function useChanges(): Liveness {
  const [liveness, setLiveness] = useState<Liveness>('connecting')
  useEffect(() => {
    const lists = new Refresher(refreshLists, LISTS_EVERY)
    const figures = new Refresher(refreshFigures, FIGURES_EVERY)
    const source = new EventSource(address('/changes'))
    let wasOpen = false
    source.onopen = () => {
      setLiveness('live')
      if (wasOpen) refreshAll()
      wasOpen = true
    }
    source.onerror = () => setLiveness('away')
    source.addEventListener('alarms', (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as AlarmChanges
      if (told.more) {
        refreshAll()
        return
      }
      for (const id of [...told.updated, ...told.handled, ...told.deleted]) changedAlarms.add(id)
      lists.changed()
      figures.changed()
    })
    return () => {
      source.close()
      lists.stop()
      figures.stop()
    }
  }, [])
  return liveness
}
