// Which alarms are selected, over pages; and which one the keyboard is at.
import type { RowSelectionState } from '@tanstack/react-table'
import { useState } from 'react'
import type { AlarmSummary } from '../../api/types'

type Update = RowSelectionState | ((old: RowSelectionState) => RowSelectionState)

export function useSelection(rows: AlarmSummary[]) {
  const [selection, setSelection] = useState<RowSelectionState>({})
  /** As they were when they were selected, for those that are on another page now. */
  const [seen, setSeen] = useState<Record<string, AlarmSummary>>({})
  const [cursor, setCursor] = useState<string | null>(null)

  const select = (update: Update) => {
    const next = typeof update === 'function' ? update(selection) : update
    setSelection(next)
    setSeen(
      Object.fromEntries(
        [...Object.values(seen), ...rows]
          .filter((one) => next[one.alarm_id])
          .map((one) => [one.alarm_id, one]),
      ),
    )
  }
  const onPage = Object.fromEntries(rows.map((row) => [row.alarm_id, row]))
  const selected = Object.keys(selection).flatMap((id) => onPage[id] ?? seen[id] ?? [])
  const current = cursor === null ? undefined : onPage[cursor]

  const move = (step: number) => {
    const at = rows.findIndex((row) => row.alarm_id === cursor)
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]
    if (next === undefined) return
    setCursor(next.alarm_id)
    document
      .querySelector(`[data-alarm="${CSS.escape(next.alarm_id)}"]`)
      ?.scrollIntoView({ block: 'nearest' })
  }
  const toggle = (id: string) =>
    select(({ [id]: was, ...rest }) => (was === true ? rest : { ...rest, [id]: true }))
  return { selection, select, selected, cursor, setCursor, current, move, toggle, clear: () => select({}) }
}
