// Who may come in, and what he may do.
import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { type SyntheticEvent, useState } from 'react'
import type { Role, User } from '../../api/types'
import { Answer } from '../../components/answer'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { NewPassword } from '../../components/new-password'
import { ProblemNote } from '../../components/problem'
import { useAddUser, useUsers } from '../../data/accounts'
import { ROLES, roleOf } from './roles'
import { UserTable } from './user-table'

export default function Users() {
  const users = useUsers()
  return (
    <Page name="Users">
      <Panel title="Users" flush>
        <Answer of={users}>{(all: User[]) => <UserTable users={all} />}</Answer>
      </Panel>
      <Panel title="New user">
        <NewUser />
      </Panel>
    </Page>
  )
}

function NewUser() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>('analyst')
  const add = useAddUser()
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    add.mutate(
      { name: name.trim(), role, password },
      {
        onSuccess: () => {
          notifications.show({ message: 'The user can log in now.' })
          setName('')
          setPassword('')
        },
      },
    )
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group align="end" gap="sm">
          <TextInput
            label="Name"
            autoComplete="off"
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
          />
          <NewPassword label="Password" w={200} value={password} onChange={setPassword} />
          <NativeSelect
            label="Role"
            data={ROLES}
            value={role}
            onChange={(e) => setRole(roleOf(e.currentTarget.value))}
          />
          <Button type="submit" loading={add.isPending}>
            Add user
          </Button>
        </Group>
        {add.isError && <ProblemNote error={add.error} />}
      </Stack>
    </form>
  )
}
