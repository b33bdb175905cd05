// What programs show instead of a password. A token is seen once, when it is made.
import { Alert, Button, Code, Group, NativeSelect, NumberInput, Stack, TextInput } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { Role, Token } from '../../api/types'
import { Answer } from '../../components/answer'
import { ConfirmButton } from '../../components/confirm'
import { Copy } from '../../components/copy'
import { Empty } from '../../components/empty'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { ProblemNote } from '../../components/problem'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { When } from '../../components/when'
import { useAddToken, useDeleteToken, useTokens } from '../../data/accounts'
import { useSession } from '../../data/session'
import { visible } from '../../lib/visible'
import { ROLES, roleOf } from './roles'

const COLUMNS: Column<Token>[] = [
  { accessorKey: 'name', header: 'Name', cell: ({ row }) => <Said text={row.original.name} limit={60} /> },
  { accessorKey: 'owner', header: 'Owner', cell: ({ row }) => <Said text={row.original.owner} limit={40} /> },
  { accessorKey: 'role', header: 'Role' },
  { accessorKey: 'created', header: 'Made', cell: ({ row }) => <When at={row.original.created} /> },
  { accessorKey: 'expires', header: 'Ends', cell: ({ row }) => <When at={row.original.expires} /> },
  { accessorKey: 'last_used', header: 'Used last', cell: ({ row }) => <When at={row.original.last_used} /> },
  {
    id: 'acts',
    header: () => <span className="unseen">Actions</span>,
    enableSorting: false,
    cell: ({ row }) => <Acts token={row.original} />,
  },
]

export default function Tokens() {
  const tokens = useTokens()
  return (
    <Page name="Tokens">
      <Panel title="Tokens" flush>
        <Answer of={tokens}>
          {(all) => (
            <DataTable
              rows={all}
              columns={COLUMNS}
              label="Tokens"
              id={({ id }) => String(id)}
              empty={
                <Empty title="No token yet">A program shows one to the API: Authorization: Bearer …</Empty>
              }
            />
          )}
        </Answer>
      </Panel>
      <Panel title="New token">
        <NewToken />
      </Panel>
    </Page>
  )
}

function Acts({ token }: { token: Token }) {
  const remove = useDeleteToken()
  return (
    <Group justify="end">
      <ConfirmButton
        label="Delete"
        of={visible(token.name)}
        question="Programs that show it are refused from now on."
        onConfirmed={() => remove.mutate(token.id)}
      />
    </Group>
  )
}

function NewToken() {
  const { data: session } = useSession()
  const mine = session?.user.role ?? 'viewer'
  const roles = ROLES.slice(0, ROLES.findIndex(({ value }) => value === mine) + 1)
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState<string | number>(90)
  const add = useAddToken()
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    const expires_in_days = days === '' ? null : Number(days)
    add.mutate({ name: name.trim(), role, expires_in_days }, { onSuccess: () => setName('') })
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group align="end" gap="sm">
          <TextInput
            label="Name"
            placeholder="what it is for"
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
          />
          <NativeSelect
            label="Role"
            data={roles}
            value={role}
            onChange={(e) => setRole(roleOf(e.currentTarget.value))}
          />
          <NumberInput
            label="Days until it ends"
            placeholder="never"
            min={1}
            max={3650}
            w={140}
            value={days}
            onChange={setDays}
          />
          <Button type="submit" loading={add.isPending}>
            Make token
          </Button>
        </Group>
        {add.isError && <ProblemNote error={add.error} />}
        {add.isSuccess && (
          <Alert title="Keep it now: it is not shown again">
            <Group gap={4}>
              <Code>{add.data.token}</Code>
              <Copy text={add.data.token} what="the token" />
            </Group>
          </Alert>
        )}
      </Stack>
    </form>
  )
}
