// A button for what cannot be undone: it asks once more.
import { Button, Group, Modal, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'

interface Props {
  /** What the button says. */
  label: string
  /** Of what, for who cannot see which row it is in. */
  of?: string
  question: ReactNode
  onConfirmed: () => void
}

export function ConfirmButton({ label, of, question, onConfirmed }: Props) {
  const [asks, setAsks] = useState(false)
  return (
    <>
      <Button
        variant="subtle"
        color="red"
        onClick={() => setAsks(true)}
        aria-label={of === undefined ? undefined : `${label} ${of}`}
      >
        {label}
      </Button>
      <Modal opened={asks} onClose={() => setAsks(false)} title={label}>
        <Text size="sm" component="div">
          {question}
        </Text>
        <Group justify="end" mt="md">
          <Button variant="default" onClick={() => setAsks(false)}>
            Cancel
          </Button>
          <Button
            color="red"
            data-autofocus
            onClick={() => {
              setAsks(false)
              onConfirmed()
            }}
          >
            {label}
          </Button>
        </Group>
      </Modal>
    </>
  )
}
