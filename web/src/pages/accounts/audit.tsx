// What everybody did, the newest first. Nothing is ever taken out of it.
import { Button, Group } from '@mantine/core'
import type { AuditEntry } from '../../api/types'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import { useAudit } from '../../data/accounts'

const COLUMNS: Column<AuditEntry>[] = [
  { accessorKey: 'at', header: 'When', cell: ({ row }) => <When at={row.original.at} /> },
  { accessorKey: 'who', header: 'Who', cell: ({ row }) => <Said text={row.original.who} limit={60} /> },
  {
    accessorKey: 'origin',
    header: 'From',
    cell: ({ row }) => <Said text={row.original.origin} limit={60} />,
  },
  { accessorKey: 'action', header: 'Did', cell: ({ row }) => <Said text={row.original.action} limit={60} /> },
  {
    accessorKey: 'object',
    header: 'With',
    cell: ({ row }) => <Said text={row.original.object} limit={120} whole />,
  },
  {
    accessorKey: 'detail',
    header: 'How',
    cell: ({ row }) => <Said text={row.original.detail} limit={160} whole />,
  },
]

export default function Audit() {
  const audit = useAudit()
  return (
    <Page name="Audit">
      <Panel title="What everybody did" flush>
        <Answer of={audit} lines={10}>
          {({ pages }) => (
            <>
              <DataTable
                rows={pages.flatMap(({ entries }) => entries)}
                columns={COLUMNS}
                label="Audit"
                id={({ number }) => String(number)}
                empty={<Empty title="Nothing yet" />}
              />
              {audit.hasNextPage && (
                <Group justify="center" p="xs">
                  <Button
                    variant="default"
                    loading={audit.isFetchingNextPage}
                    onClick={() => void audit.fetchNextPage()}
                  >
                    Older
                  </Button>
                </Group>
              )}
            </>
          )}
        </Answer>
      </Panel>
    </Page>
  )
}
