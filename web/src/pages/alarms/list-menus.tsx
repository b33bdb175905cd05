// Which columns there are, and the list as a file.
import { Button, Checkbox, Menu, Popover, Stack } from '@mantine/core'
import { IconColumns, IconDownload } from '@tabler/icons-react'
import { address } from '../../api/client'
import { usePreferences } from '../../lib/preferences'
import { COLUMN_NAMES, HIDDEN_AT_FIRST } from './columns'

/** Which columns are shown. */
export function shownColumns(chosen: Record<string, boolean>): Record<string, boolean> {
  return { ...Object.fromEntries(HIDDEN_AT_FIRST.map((name) => [name, false])), ...chosen, title: true }
}

export function ColumnMenu() {
  const [{ columns }, prefer] = usePreferences()
  const shown = shownColumns(columns)
  return (
    <Popover position="bottom-end" trapFocus withinPortal shadow="md">
      <Popover.Target>
        <Button variant="default" leftSection={<IconColumns size={14} aria-hidden />}>
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label="Columns">
        <Stack gap={6}>
          {Object.entries(COLUMN_NAMES).map(([name, label]) => (
            <Checkbox
              key={name}
              size="xs"
              label={label}
              disabled={name === 'title'}
              checked={shown[name] !== false}
              onChange={(event) => prefer({ columns: { ...columns, [name]: event.currentTarget.checked } })}
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

export function ExportMenu({ query }: { query: URLSearchParams }) {
  const link = (format: string) => {
    const params = new URLSearchParams(query)
    params.set('format', format)
    return address('/alarms/export', params)
  }
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={14} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={link('csv')} download="alarms.csv">
          The whole list as CSV
        </Menu.Item>
        <Menu.Item component="a" href={link('ndjson')} download="alarms.ndjson">
          The whole list as NDJSON
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
