// What there is to find alarms with: the directives in the configuration files.
import { Button, Group, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import type { DirectiveSummary } from '../../api/types'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { ProblemList } from '../../components/problem-list'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { useDirectives } from '../../data/directives'
import { linkToAlarms } from '../../lib/filter'
import { count, many } from '../../lib/number'
import { href } from '../../routing/place'

const PAUSE_MILLIS = 250

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
  {
    accessorKey: 'kingdom',
    header: 'Kingdom',
    cell: ({ row }) => <Said text={row.original.kingdom} limit={60} />,
  },
  {
    accessorKey: 'category',
    header: 'Category',
    cell: ({ row }) => <Said text={row.original.category} limit={60} />,
  },
  { accessorKey: 'priority', header: 'Priority' },
  { accessorKey: 'stages', header: 'Stages' },
  {
    accessorKey: 'open_alarms',
    header: 'Open alarms',
    cell: ({ row: { original } }) =>
      original.open_alarms === 0 ? (
        0
      ) : (
        <a href={linkToAlarms({ directive: original.id })}>{count(original.open_alarms)}</a>
      ),
  },
  { accessorKey: 'file', header: 'File', cell: ({ row }) => <Said text={row.original.file} limit={60} /> },
]

export default function Directives() {
  const [search, setSearch] = useState('')
  const [asked] = useDebouncedValue(search.trim(), PAUSE_MILLIS)
  const directives = useDirectives(asked)
  return (
    <Page
      name="Directives"
      side={
        <TextInput
          w={280}
          placeholder="Search id, name, category, file"
          aria-label="Search directives"
          leftSection={<IconSearch size={14} aria-hidden />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      <Answer of={directives} lines={12}>
        {({ pages }) => {
          const first = pages[0]
          return (
            <>
              {(first?.problems.length ?? 0) > 0 && (
                <Panel title="Problems in files of directives">
                  <ProblemList of={first?.problems ?? []} files />
                </Panel>
              )}
              <Panel
                title={many(first?.count ?? 0, 'directive')}
                side={<Disabled count={first?.disabled ?? 0} />}
                flush
              >
                <DataTable
                  rows={pages.flatMap((page) => page.directives)}
                  columns={COLUMNS}
                  label="Directives"
                  id={({ id }) => String(id)}
                  empty={
                    <Empty title={asked === '' ? 'There is no directive' : 'No directive has this text'}>
                      {asked === '' &&
                        'Put files named directives_*.json into the configuration, and start again.'}
                    </Empty>
                  }
                />
                {directives.hasNextPage && (
                  <Group justify="center" p="xs">
                    <Button
                      variant="default"
                      loading={directives.isFetchingNextPage}
                      onClick={() => void directives.fetchNextPage()}
                    >
                      More directives
                    </Button>
                  </Group>
                )}
              </Panel>
            </>
          )
        }}
      </Answer>
    </Page>
  )
}

function Disabled({ count: disabled }: { count: number }) {
  return disabled === 0 ? null : (
    <span className="soft">{many(disabled, 'more is', 'more are')} disabled</span>
  )
}
