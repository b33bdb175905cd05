// Another password for oneself.
import { Button, Group, Modal, PasswordInput, Stack } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { type SyntheticEvent, useState } from 'react'
import { useChangePassword } from '../../data/session'
import { NewPassword } from '../new-password'
import { ProblemNote } from '../problem'

export function PasswordDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [old, setOld] = useState('')
  const [fresh, setFresh] = useState('')
  const change = useChangePassword()
  const close = () => {
    setOld('')
    setFresh('')
    change.reset()
    onClose()
  }
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    change.mutate(
      { old, new: fresh },
      {
        onSuccess: () => {
          notifications.show({ message: 'The password is changed.' })
          close()
        },
      },
    )
  }
  return (
    <Modal opened={opened} onClose={close} title="Change password">
      <form onSubmit={submit}>
        <Stack gap="sm">
          <PasswordInput
            label="Current password"
            autoComplete="current-password"
            value={old}
            onChange={(e) => setOld(e.currentTarget.value)}
            required
          />
          <NewPassword label="New password" value={fresh} onChange={setFresh} />
          {change.isError && <ProblemNote error={change.error} />}
          <Group justify="end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              Change
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
