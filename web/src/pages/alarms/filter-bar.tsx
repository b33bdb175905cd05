// The filter. What it says is in the address; what can be chosen, and how many alarms that leaves, is asked of the server.
import { Button, CloseButton, Group } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import type { Ref } from 'react'
import { useChoices, useFacets } from '../../data/alarms'
import { useDirectiveNames } from '../../data/directives'
import { type AlarmFilter, filterQuery, isNarrow, type ListName, NO_FILTER } from '../../lib/filter'
import { useNow } from '../../lib/use-now'
import { FacetSelect } from './facet-select'
import { TextFilter } from './text-filter'
import { TimeRange } from './time-range'

interface Props {
  filter: AlarmFilter
  onChange: (change: Partial<AlarmFilter>) => void
  searchRef: Ref<HTMLInputElement>
}

const PARTS: [ListName, string][] = [
  ['class', 'Class'],
  ['status', 'Status'],
  ['tag', 'Tag'],
  ['assignee', 'Assignee'],
  ['category', 'Category'],
  ['kingdom', 'Kingdom'],
  ['directive', 'Directive'],
]

export function FilterBar({ filter, onChange, searchRef }: Props) {
  const now = useNow(60)
  const { data: facets } = useFacets(filterQuery(filter, now))
  const choices = useChoices()
  const names = useDirectiveNames()
  const also: Partial<Record<ListName, string[]>> = {
    class: ['High', 'Medium', 'Low'],
    status: choices.status,
    tag: choices.tags,
  }
  const nameOf = (name: ListName) => (value: string) => {
    if (name === 'assignee' && value === '') return 'nobody'
    if (name !== 'directive') return value
    return `${value} ${names.get(Number(value)) ?? ''}`
  }
  return (
    <Group gap={5} role="search" aria-label="Filter">
      <TextFilter
        ref={searchRef}
        w={176}
        placeholder="Search words  /"
        aria-label="Search words"
        leftSection={<IconSearch size={14} aria-hidden />}
        value={filter.text}
        onChanged={(text) => onChange({ text })}
        rightSection={
          filter.text !== '' && (
            <CloseButton size="xs" aria-label="Clear the search" onClick={() => onChange({ text: '' })} />
          )
        }
      />
      <TextFilter
        w={132}
        placeholder="Address, network"
        aria-label="Address or network"
        value={filter.network}
        onChanged={(network) => onChange({ network })}
      />
      <TimeRange filter={filter} onChange={onChange} />
      {PARTS.map(([name, label]) => (
        <FacetSelect
          key={name}
          label={label}
          chosen={filter.lists[name]}
          facets={facets?.[name] ?? []}
          also={also[name] ?? []}
          nameOf={nameOf(name)}
          onChosen={(values) => onChange({ lists: { ...filter.lists, [name]: values } })}
        />
      ))}
      {isNarrow(filter) && (
        <Button variant="subtle" onClick={() => onChange(NO_FILTER)}>
          Clear filter
        </Button>
      )}
    </Group>
  )
}
