// How far back the overview looks.
import { SegmentedControl } from '@mantine/core'

const RANGES = [
  { value: '24h', label: '24 hours' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
]

export function RangeChoice({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <SegmentedControl size="xs" data={RANGES} value={value} onChange={onChange} aria-label="How far back" />
  )
}
