// The list that the address names, and going to another one.
import { useCallback, useMemo } from 'react'
import { type AlarmFilter, type ListState, readList, writeList } from '../../lib/filter'
import { go, href } from '../../routing/place'
import { usePlace } from '../../routing/use-place'

export function useList() {
  const { query } = usePlace()
  const list = useMemo(() => readList(query), [query])
  /** Goes to another list; unless a page of it is named, to its first. */
  const change = useCallback(
    (to: Partial<ListState>) => go(href('/alarms', writeList({ ...list, after: '', ...to }))),
    [list],
  )
  const filter = useCallback(
    (to: Partial<AlarmFilter>) => change({ filter: { ...list.filter, ...to } }),
    [change, list],
  )
  return { list, change, filter }
}
