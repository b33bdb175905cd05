// One of a few words, by mouse, arrow keys or number.
import { Button, Kbd, Stack } from '@mantine/core'
import { type KeyboardEvent, useRef } from 'react'
import { Said } from '../said'

interface Props {
  words: string[]
  isBusy: boolean
  onChosen: (word: string) => void
}

export function WordList({ words, isBusy, onChosen }: Props) {
  const list = useRef<HTMLDivElement>(null)
  const move = (event: KeyboardEvent) => {
    const chosen = words[Number(event.key) - 1]
    if (chosen !== undefined) {
      onChosen(chosen)
      return
    }
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])]
    const now = buttons.findIndex((button) => button === document.activeElement)
    buttons[(now + step + buttons.length) % buttons.length]?.focus()
  }
  return (
    <Stack gap={6} ref={list} onKeyDown={move}>
      {words.map((word, index) => (
        <Button
          key={word}
          variant="default"
          justify="space-between"
          disabled={isBusy}
          data-autofocus={index === 0 || undefined}
          rightSection={index < 9 ? <Kbd size="xs">{index + 1}</Kbd> : undefined}
          onClick={() => onChosen(word)}
        >
          <Said text={word} limit={80} />
        </Button>
      ))}
    </Stack>
  )
}
