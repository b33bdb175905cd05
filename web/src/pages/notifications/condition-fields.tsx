// Of which alarms a rule tells: those that fit all that is said; what is left empty says nothing.
import { MultiSelect, SimpleGrid, TagsInput } from '@mantine/core'
import type { RiskClass, RuleRequest } from '../../api/types'
import { useChoices, useFacets } from '../../data/alarms'

type Condition = RuleRequest['condition']

const CLASSES: RiskClass[] = ['High', 'Medium', 'Low']
const EVERYTHING = new URLSearchParams()

export function ConditionFields({
  of,
  onChange,
}: {
  of: Condition
  onChange: (condition: Condition) => void
}) {
  const choices = useChoices()
  const { data: facets } = useFacets(EVERYTHING)
  const set = (change: Partial<Condition>) => onChange({ ...of, ...change })
  const known = (values: { value: string | number }[] | undefined) =>
    (values ?? []).map(({ value }) => String(value))
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" verticalSpacing="xs">
      <MultiSelect
        label="Class"
        placeholder={of.class.length === 0 ? 'any' : ''}
        data={CLASSES}
        value={of.class}
        onChange={(chosen) => set({ class: CLASSES.filter((name) => chosen.includes(name)) })}
      />
      <MultiSelect
        label="Tag"
        placeholder={of.tag.length === 0 ? 'any' : ''}
        data={choices.tags}
        value={of.tag}
        onChange={(tag) => set({ tag })}
      />
      <TagsInput
        size="xs"
        label="Category"
        placeholder="any"
        data={known(facets?.category)}
        value={of.category}
        onChange={(category) => set({ category })}
      />
      <TagsInput
        size="xs"
        label="Kingdom"
        placeholder="any"
        data={known(facets?.kingdom)}
        value={of.kingdom}
        onChange={(kingdom) => set({ kingdom })}
      />
      <TagsInput
        size="xs"
        label="Directive"
        placeholder="any id"
        value={of.directive.map(String)}
        onChange={(ids) => set({ directive: ids.filter((id) => /^\d+$/.test(id)).map(Number) })}
      />
      <TagsInput
        size="xs"
        label="Address or network"
        placeholder="any"
        value={of.network}
        onChange={(network) => set({ network })}
      />
      <TagsInput
        size="xs"
        label="Text in the title"
        placeholder="any"
        value={of.title}
        onChange={(title) => set({ title })}
      />
    </SimpleGrid>
  )
}
