// One rule.
import {
  Button,
  Group,
  MultiSelect,
  NativeSelect,
  NumberInput,
  Stack,
  Switch,
  TextInput,
} from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { NotificationRule, RuleRequest } from '../../api/types'
import { ProblemNote } from '../../components/problem'
import { useChannels, useSaveRule } from '../../data/notifications'
import { ConditionFields } from './condition-fields'
import { QuietFields } from './quiet-fields'

const NEW: RuleRequest = {
  name: '',
  enabled: true,
  condition: {
    class: ['High'],
    directive: [],
    tag: [],
    status: [],
    kingdom: [],
    category: [],
    network: [],
    title: [],
  },
  when: 'first',
  channels: [],
  quiet_hours: null,
  max_per_hour: 60,
}

/** What is written of a rule: all but its id. */
function documentOf({
  name,
  enabled,
  condition,
  when,
  channels,
  quiet_hours,
  max_per_hour,
}: NotificationRule): RuleRequest {
  return { name, enabled, condition, when, channels, quiet_hours: quiet_hours ?? null, max_per_hour }
}

export function RuleForm({ rule, onDone }: { rule?: NotificationRule; onDone: () => void }) {
  const [form, setForm] = useState<RuleRequest>(rule === undefined ? NEW : documentOf(rule))
  const channels = useChannels().data ?? []
  const save = useSaveRule()
  const set = (change: Partial<RuleRequest>) => setForm({ ...form, ...change })
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    save.mutate({ id: rule?.id ?? null, document: form }, { onSuccess: onDone })
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group align="end">
          <TextInput
            flex={1}
            label="Name"
            value={form.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
            required
            data-autofocus
          />
          <Switch
            label="On"
            checked={form.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
            pb={6}
          />
        </Group>
        <ConditionFields of={form.condition} onChange={(condition) => set({ condition })} />
        <MultiSelect
          label="Tell these channels"
          data={channels.map(({ id, name }) => ({ value: String(id), label: name }))}
          value={form.channels.map(String)}
          onChange={(chosen) => set({ channels: chosen.map(Number) })}
          required
        />
        <Group grow align="end">
          <NativeSelect
            label="When"
            data={[
              { value: 'first', label: 'once for each alarm' },
              { value: 'every_escalation', label: 'also each time it gets worse' },
            ]}
            value={form.when}
            onChange={(event) =>
              set({ when: event.currentTarget.value === 'first' ? 'first' : 'every_escalation' })
            }
          />
          <NumberInput
            label="At most in an hour; the rest in one summary"
            min={1}
            max={1000}
            value={form.max_per_hour}
            onChange={(value) => set({ max_per_hour: Number(value) || 1 })}
          />
        </Group>
        <QuietFields of={form.quiet_hours ?? null} onChange={(quiet_hours) => set({ quiet_hours })} />
        {save.isError && <ProblemNote error={save.error} />}
        <Group justify="end">
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
