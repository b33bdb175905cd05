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
/** After this time it is asked again, where the server had no room for one more who listens. */
const REFUSED_MILLIS = 5_000

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

/** Listens until it is stopped. */
class Listener {
  private source: EventSource | null = null
  private again: ReturnType<typeof setTimeout> | null = null
  private wasOpen = false
  private readonly lists = new Refresher(refreshLists, LISTS_EVERY)
  private readonly figures = new Refresher(refreshFigures, FIGURES_EVERY)

  constructor(private readonly tell: (liveness: Liveness) => void) {
    this.connect()
  }

  stop(): void {
    this.source?.close()
    this.lists.stop()
    this.figures.stop()
    if (this.again !== null) clearTimeout(this.again)
  }

  private connect(): void {
    const source = new EventSource(address('/changes'))
    this.source = source
    source.onopen = () => {
      this.tell('live')
      if (this.wasOpen) refreshAll()
      this.wasOpen = true
    }
    source.onerror = () => {
      this.tell('away')
      // A connection that breaks is made again by the browser, one that is refused is not.
      if (source.readyState === EventSource.CLOSED)
        this.again = setTimeout(() => this.connect(), REFUSED_MILLIS)
    }
    source.addEventListener('alarms', (event: MessageEvent<string>) =>
      this.take(JSON.parse(event.data) as AlarmChanges),
    )
  }

  private take({ updated, handled, deleted, more }: AlarmChanges): void {
    if (more) {
      refreshAll()
      return
    }
    for (const id of [...updated, ...handled, ...deleted]) changedAlarms.add(id)
    this.lists.changed()
    this.figures.changed()
  }
}

/** Listens while it is mounted; says whether it hears anything. */
export function useChanges(): Liveness {
  const [liveness, setLiveness] = useState<Liveness>('connecting')
  useEffect(() => {
    const listener = new Listener(setLiveness)
    return () => listener.stop()
  }, [])
  return liveness
}
