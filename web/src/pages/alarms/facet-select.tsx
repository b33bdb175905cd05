// One part of the filter: its values with how many alarms have each, of which several can be chosen.
import { Badge, Button, Checkbox, Group, Popover, Stack, TextInput } from '@mantine/core'
import { IconChevronDown } from '@tabler/icons-react'
import { useState } from 'react'
import type { Facet } from '../../api/types'
import { Said } from '../../components/said'
import { compact } from '../../lib/number'
import classes from './alarms.module.css'

/** From so many values on, they can be searched. */
const MANY = 10
/** More are found by searching. */
const SHOWN = 100

interface Props {
  label: string
  chosen: string[]
  facets: Facet[]
  /** Values that can be chosen although no alarm has them. */
  also?: string[]
  /** What a value is called. */
  nameOf?: (value: string) => string
  onChosen: (values: string[]) => void
}

export function FacetSelect({
  label,
  chosen,
  facets,
  also = [],
  nameOf = (value) => value,
  onChosen,
}: Props) {
  const [search, setSearch] = useState('')
  const counts = new Map(facets.map(({ value, alarms }) => [String(value), alarms]))
  const values = [...new Set([...also, ...counts.keys(), ...chosen])]
  const found = values
    .filter((value) => nameOf(value).toLowerCase().includes(search.toLowerCase()))
    .slice(0, SHOWN)
  return (
    <Popover position="bottom-start" trapFocus withinPortal shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          rightSection={<IconChevronDown size={13} aria-hidden />}
          aria-label={chosen.length > 0 ? `${label}, ${chosen.length} chosen` : label}
        >
          {label}
          {chosen.length > 0 && (
            <Badge size="xs" circle ml={6}>
              {chosen.length}
            </Badge>
          )}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label={label}>
        <Stack gap={6} miw={190} maw={340}>
          {values.length > MANY && (
            <TextInput
              placeholder="Find"
              aria-label={`Find in ${label}`}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
          )}
          <Checkbox.Group value={chosen} onChange={onChosen} aria-label={label}>
            <div className={classes.options}>
              {found.map((value) => (
                <div key={value} className={classes.option}>
                  <Checkbox size="xs" value={value} label={<Said text={nameOf(value)} limit={60} />} />
                  <span className="soft">{compact(counts.get(value) ?? 0)}</span>
                </div>
              ))}
              {found.length === 0 && <span className="soft">nothing</span>}
            </div>
          </Checkbox.Group>
          <Group justify="end">
            <Button variant="subtle" disabled={chosen.length === 0} onClick={() => onChosen([])}>
              Clear
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
