// The users, and changing them.
import { Button, Group, Modal, NativeSelect, Switch, Text } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { User } from '../../api/types'
import { ConfirmButton } from '../../components/confirm'
import { NewPassword } from '../../components/new-password'
import { ProblemNote } from '../../components/problem'
import { Said } from '../../components/said'
import { DataTable } from '../../components/table/data-table'
import type { Column } from '../../components/table/features'
import { useChangeUser, useDeleteUser } from '../../data/accounts'
import { useSession } from '../../data/session'
import { visible } from '../../lib/visible'
import { ROLES, roleOf } from './roles'

const COLUMNS: Column<User>[] = [
  { accessorKey: 'name', header: 'Name', cell: ({ row }) => <Said text={row.original.name} limit={60} /> },
  { accessorKey: 'role', header: 'Role', cell: ({ row }) => <RoleSelect user={row.original} /> },
  { accessorKey: 'disabled', header: 'May log in', cell: ({ row }) => <Enabled user={row.original} /> },
  {
    id: 'acts',
    header: () => <span className="unseen">Actions</span>,
    enableSorting: false,
    cell: ({ row }) => <Acts user={row.original} />,
  },
]

export function UserTable({ users }: { users: User[] }) {
  return (
    <DataTable
      rows={users}
      columns={COLUMNS}
      label="Users"
      id={({ name }) => name}
      sortedBy="name"
      empty={<Text p="sm">None.</Text>}
    />
  )
}

function useIsMe(user: User): boolean {
  return useSession().data?.user.name === user.name
}

function RoleSelect({ user }: { user: User }) {
  const change = useChangeUser()
  return (
    <>
      <NativeSelect
        aria-label={`Role of ${visible(user.name)}`}
        data={ROLES}
        value={user.role}
        disabled={useIsMe(user) || change.isPending}
        onChange={(event) =>
          change.mutate({ name: user.name, change: { role: roleOf(event.currentTarget.value) } })
        }
      />
      {change.isError && <ProblemNote error={change.error} />}
    </>
  )
}

function Enabled({ user }: { user: User }) {
  const change = useChangeUser()
  return (
    <Switch
      aria-label={`${visible(user.name)} may log in`}
      checked={!user.disabled}
      disabled={useIsMe(user) || change.isPending}
      onChange={(event) =>
        change.mutate({ name: user.name, change: { disabled: !event.currentTarget.checked } })
      }
    />
  )
}

function Acts({ user }: { user: User }) {
  const remove = useDeleteUser()
  const isMe = useIsMe(user)
  return (
    <Group gap={4} justify="end">
      <SetPassword user={user} />
      {!isMe && (
        <ConfirmButton
          label="Delete"
          of={visible(user.name)}
          question="The sessions and tokens of the user end. What the user did stays in the history."
          onConfirmed={() => remove.mutate(user.name)}
        />
      )}
    </Group>
  )
}

function SetPassword({ user }: { user: User }) {
  const [isOpen, setOpen] = useState(false)
  const [password, setPassword] = useState('')
  const change = useChangeUser()
  const close = () => {
    setOpen(false)
    setPassword('')
  }
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    change.mutate({ name: user.name, change: { password } }, { onSuccess: close })
  }
  return (
    <>
      <Button
        variant="subtle"
        onClick={() => setOpen(true)}
        aria-label={`New password of ${visible(user.name)}`}
      >
        New password
      </Button>
      <Modal opened={isOpen} onClose={close} title="New password">
        <form onSubmit={submit}>
          <NewPassword label="Password" value={password} onChange={setPassword} data-autofocus />
          {change.isError && <ProblemNote error={change.error} />}
          <Group justify="end" mt="md">
            <Button type="submit" loading={change.isPending}>
              Set
            </Button>
          </Group>
        </form>
      </Modal>
    </>
  )
}
