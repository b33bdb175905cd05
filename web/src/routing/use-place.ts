// The place as a component sees it: it is drawn again whenever the part behind the `#` changes.
import { useMemo, useSyncExternalStore } from 'react'
import { placeOf, type Place } from './place'

function subscribe(changed: () => void): () => void {
  window.addEventListener('hashchange', changed)
  return () => window.removeEventListener('hashchange', changed)
}

export function usePlace(): Place {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => placeOf(hash), [hash])
}
