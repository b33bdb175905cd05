// What is loaded, and what each of it is doing.
import { Badge, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import type { DirectiveSummary } from '../../api/types'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { useDirectives } from '../../data/directives'
import { linkToAlarms } from '../../lib/filter'
import { count, many } from '../../lib/number'
import { href, part } from '../../routing/place'

const COLUMNS: Column<DirectiveSummary>[] = [
  { accessorKey: 'id', header: 'Id', cell: ({ row }) => <span className="mono">{row.original.id}</span> },
  {
    accessorKey: 'name',
    header: 'Name',
    cell: ({ row: { original } }) => (
      <a href={href(`/directives/${original.id}`)}>
        <Said text={original.name} limit={160} />
      </a>
    ),
  },
  { accessorKey: 'category', header: 'Category', cell: ({ row }) => <Said text={row.original.category} limit={60} /> },
  { accessorKey: 'priority', header: 'Priority' },
  { accessorKey: 'stages', header: 'Stages' },
  {
    accessorKey: 'open_alarms',
    header: 'Open alarms',
    cell: ({ row: { original } }) =>
      original.open_alarms === 0 ? 0 : <a href={linkToAlarms({ directive: original.id })}>{count(original.open_alarms)}</a>,
  },
  {
    accessorKey: 'open_backlogs',
    header: 'Backlogs',
    cell: ({ row: { original } }) => (original.open_backlogs == null ? '–' : count(original.open_backlogs)),
  },
  {
    accessorKey: 'file',
    header: 'File',
    cell: ({ row: { original } }) => (
      <a href={href(`/configuration/${part(original.file)}`)}>
        <Said text={original.file} limit={60} />
      </a>
    ),
  },
  { accessorKey: 'problems', header: 'State', cell: ({ row }) => <State of={row.original} /> },
]

function State({ of }: { of: DirectiveSummary }) {
  if (of.disabled) return <Badge variant="default">disabled</Badge>
  if (of.problems > 0) return <Severity of="warning">{many(of.problems, 'problem')}</Severity>
  return <Severity of="ok">loaded</Severity>
}

function fits({ id, name, kingdom, category, file }: DirectiveSummary, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/)
  const text = `${id} ${name} ${kingdom} ${category} ${file}`.toLowerCase()
  return words.every((word) => text.includes(word))
}

export default function Directives() {
  const directives = useDirectives()
  const [search, setSearch] = useState('')
  return (
    <Page
      name="Directives"
      side={
        <TextInput
          w={260}
          placeholder="Search id, name, category, file"
          aria-label="Search directives"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      <Answer of={directives} lines={12}>
        {(all) => {
          const found = all.filter((directive) => fits(directive, search))
          return (
            <Panel title={found.length === all.length ? many(all.length, 'directive') : `${found.length} of ${many(all.length, 'directive')}`} flush>
              <DataTable
                rows={found}
                columns={COLUMNS}
                label="Directives"
                id={({ id }) => String(id)}
                empty={
                  <Empty title={all.length === 0 ? 'No directive is loaded' : 'No directive has these words'}>
                    {all.length === 0 && 'Put files named directives_*.json into the configuration, and start again.'}
                  </Empty>
                }
              />
            </Panel>
          )
        }}
      </Answer>
    </Page>
  )
}
