// Something did not work: what, and what one can do.
import { Alert, Button, Group } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { ProblemError } from '../api/client'

/** Where the server has not said it itself. */
const ADVICE: Partial<Record<number, string>> = {
  401: 'Log in again.',
  403: 'Your role does not allow this. Ask an administrator.',
  404: 'It may have been deleted, or the address is wrong.',
  412: 'Somebody else has changed it. Load it again and repeat what you did.',
  429: 'Wait a moment and try again.',
  503: 'The server is starting or busy. Wait a moment and try again.',
}

export function ProblemNote({ error, again }: { error: unknown; again?: () => void }) {
  const isProblem = error instanceof ProblemError
  const title = isProblem ? error.title : 'Something in this page failed'
  const detail = isProblem ? error.detail : String(error)
  const advice = isProblem ? (detail === '' ? ADVICE[error.status] : '') : 'Load the page again.'
  return (
    <Alert color="red" variant="outline" title={title} icon={<IconAlertTriangle aria-hidden />} role="alert">
      <Group justify="space-between" align="end">
        <span>
          {detail} {advice}
        </span>
        {again !== undefined && (
          <Button variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  )
}
