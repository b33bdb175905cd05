// What can be done with the alarms that are selected.
import { Button, Group } from '@mantine/core'
import type { Deed } from '../../data/alarms'
import { many } from '../../lib/number'

const DEEDS: [Deed['kind'], string][] = [
  ['status', 'Status  s'],
  ['tag', 'Tag  t'],
  ['assignee', 'Assign'],
  ['comment', 'Comment'],
  ['delete', 'Delete'],
]

interface Props {
  selected: number
  onAsk: (kind: Deed['kind']) => void
  onClear: () => void
}

export function SelectionBar({ selected, onAsk, onClear }: Props) {
  return (
    <Group gap={6}>
      <span aria-live="polite">
        <b>{many(selected, 'alarm')}</b> selected
      </span>
      {DEEDS.map(([kind, label]) => (
        <Button key={kind} variant="default" onClick={() => onAsk(kind)}>
          {label}
        </Button>
      ))}
      <Button variant="subtle" onClick={onClear}>
        Clear selection
      </Button>
    </Group>
  )
}
