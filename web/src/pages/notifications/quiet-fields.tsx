// When a rule keeps quiet, and what becomes of what happens meanwhile.
import { Checkbox, Group, MultiSelect, NativeSelect, Stack, Switch, TextInput } from '@mantine/core'
import type { Day, QuietHours } from '../../api/types'

const DAYS: Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

function begin(): QuietHours {
  return {
    times: [{ days: DAYS, from: '18:00', until: '08:00' }],
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    meanwhile: 'summary',
    high_breaks_through: true,
  }
}

export function QuietFields({
  of,
  onChange,
}: {
  of: QuietHours | null
  onChange: (quiet: QuietHours | null) => void
}) {
  return (
    <Stack gap="xs">
      <Switch
        label="Quiet hours"
        checked={of !== null}
        onChange={(event) => onChange(event.currentTarget.checked ? begin() : null)}
      />
      {of !== null && <Hours of={of} onChange={onChange} />}
    </Stack>
  )
}

function Hours({ of, onChange }: { of: QuietHours; onChange: (quiet: QuietHours) => void }) {
  const set = (change: Partial<QuietHours>) => onChange({ ...of, ...change })
  const setTime = (at: number, change: Partial<QuietHours['times'][number]>) =>
    set({ times: of.times.map((time, index) => (index === at ? { ...time, ...change } : time)) })
  return (
    <>
      {of.times.map((time, index) => (
        <Group key={index} align="end" grow>
          <MultiSelect
            label="Days on which it begins"
            data={DAYS}
            value={time.days}
            onChange={(chosen) => setTime(index, { days: DAYS.filter((day) => chosen.includes(day)) })}
          />
          <TextInput
            type="time"
            label="From"
            value={time.from}
            onChange={(event) => setTime(index, { from: event.currentTarget.value })}
          />
          <TextInput
            type="time"
            label="Until"
            value={time.until}
            onChange={(event) => setTime(index, { until: event.currentTarget.value })}
          />
        </Group>
      ))}
      <Group grow align="end">
        <TextInput
          label="Time zone"
          value={of.time_zone}
          onChange={(event) => set({ time_zone: event.currentTarget.value })}
        />
        <NativeSelect
          label="Meanwhile"
          data={[
            { value: 'summary', label: 'one summary at the end' },
            { value: 'drop', label: 'nothing is told' },
          ]}
          value={of.meanwhile}
          onChange={(event) => set({ meanwhile: event.currentTarget.value === 'drop' ? 'drop' : 'summary' })}
        />
      </Group>
      <Checkbox
        size="xs"
        label="High alarms are told all the same"
        checked={of.high_breaks_through}
        onChange={(event) => set({ high_breaks_through: event.currentTarget.checked })}
      />
    </>
  )
}
