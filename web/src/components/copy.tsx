// Puts a text on the clipboard. Where the browser does not allow that, as on plain HTTP from another machine, an older way
// is tried.
import { ActionIcon, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useState } from 'react'

const SHOWN_MILLIS = 1_500

async function copy(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text)
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other way over plain HTTP
  document.execCommand('copy')
  field.remove()
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [isDone, setDone] = useState(false)
  const act = async () => {
    await copy(text)
    setDone(true)
    setTimeout(() => setDone(false), SHOWN_MILLIS)
  }
  return (
    <Tooltip label={isDone ? 'copied' : `copy ${what}`}>
      <ActionIcon size={18} onClick={() => void act()} aria-label={isDone ? 'copied' : `Copy ${what}`}>
        {isDone ? <IconCheck size={13} /> : <IconCopy size={13} />}
      </ActionIcon>
    </Tooltip>
  )
}
