// Who one is, and leaving.
import { Button, Menu } from '@mantine/core'
import { IconUser } from '@tabler/icons-react'
import { useState } from 'react'
import { useLoginOptions, useLogout, useSession } from '../../data/session'
import { Said } from '../said'
import { PasswordDialog } from './password-dialog'

export function UserMenu() {
  const { data: session } = useSession()
  const { data: options } = useLoginOptions()
  const logout = useLogout()
  const [changes, setChanges] = useState(false)
  if (session == null) return null
  const { name, role } = session.user
  const hasSession = options?.auth === 'on'
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconUser size={16} aria-hidden />}
            maw={190}
            aria-label={`User ${name}`}
          >
            <Said text={name} limit={24} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Role: {role}</Menu.Label>
          {hasSession && options.password && (
            <Menu.Item onClick={() => setChanges(true)}>Change password</Menu.Item>
          )}
          <Menu.Item component="a" href="/api/v1/docs">
            API
          </Menu.Item>
          {hasSession && <Menu.Item onClick={() => logout.mutate()}>Log out</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      <PasswordDialog opened={changes} onClose={() => setChanges(false)} />
    </>
  )
}
