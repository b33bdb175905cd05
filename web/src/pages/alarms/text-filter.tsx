// A part of the filter that is typed. The address follows when somebody pauses, presses Enter or leaves the field.
import { TextInput, type TextInputProps } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useState } from 'react'

const PAUSE_MILLIS = 400

interface Props extends Omit<TextInputProps, 'value' | 'onChange'> {
  value: string
  onChanged: (value: string) => void
}

export function TextFilter({ value, onChanged, ...rest }: Props) {
  const [typed, setTyped] = useState({ from: value, text: value })
  const later = useDebouncedCallback((text: string) => onChanged(text), PAUSE_MILLIS)
  // The address was changed elsewhere, for instance by going back.
  if (typed.from !== value) setTyped({ from: value, text: value })
  return (
    <TextInput
      {...rest}
      value={typed.text}
      onChange={(event) => {
        setTyped({ from: value, text: event.currentTarget.value })
        later(event.currentTarget.value)
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') onChanged(typed.text)
        if (event.key === 'Escape') event.currentTarget.blur()
      }}
    />
  )
}
