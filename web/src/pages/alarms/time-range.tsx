// When the alarms were created: a time that moves along, or from then to then.
import { Button, Group, Popover, Stack, TextInput } from '@mantine/core'
import { IconCalendar } from '@tabler/icons-react'
import { type AlarmFilter, RANGES } from '../../lib/filter'
import { absolute, fromLocalInput, toLocalInput } from '../../lib/time'

const NAMES: Record<string, string> = {
  '1h': 'Last hour',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
}

interface Props {
  filter: AlarmFilter
  onChange: (change: Partial<AlarmFilter>) => void
}

function labelOf({ range, from, until }: AlarmFilter): string {
  if (range !== '') return NAMES[range] ?? range
  if (from !== null && until !== null)
    return `${absolute(from).slice(0, 16)} to ${absolute(until).slice(0, 16)}`
  if (from !== null) return `since ${absolute(from).slice(0, 16)}`
  if (until !== null) return `until ${absolute(until).slice(0, 16)}`
  return 'Any time'
}

export function TimeRange({ filter, onChange }: Props) {
  const choose = (range: string) => onChange({ range, from: null, until: null })
  return (
    <Popover position="bottom-start" trapFocus withinPortal shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          leftSection={<IconCalendar size={14} aria-hidden />}
          aria-label={`Created: ${labelOf(filter)}`}
        >
          {labelOf(filter)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label="Created">
        <Stack gap="xs">
          <Group gap={6}>
            <Button variant={labelOf(filter) === 'Any time' ? 'light' : 'default'} onClick={() => choose('')}>
              Any time
            </Button>
            {Object.keys(RANGES).map((range) => (
              <Button
                key={range}
                variant={filter.range === range ? 'light' : 'default'}
                onClick={() => choose(range)}
              >
                {NAMES[range]}
              </Button>
            ))}
          </Group>
          <Group gap={6} grow>
            <TextInput
              type="datetime-local"
              label="From"
              value={toLocalInput(filter.from)}
              onChange={(event) => onChange({ range: '', from: fromLocalInput(event.currentTarget.value) })}
            />
            <TextInput
              type="datetime-local"
              label="Until"
              value={toLocalInput(filter.until)}
              onChange={(event) => onChange({ range: '', until: fromLocalInput(event.currentTarget.value) })}
            />
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
