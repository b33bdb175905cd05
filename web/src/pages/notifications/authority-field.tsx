// Whose certificates are trusted, where the other side has one of its own authority.
import { Textarea } from '@mantine/core'

interface Props {
  value: string
  onChange: (value: string) => void
}

export function AuthorityField({ value, onChange }: Props) {
  return (
    <Textarea
      label="Certificate authority"
      description="PEM; only where the server's certificate comes from an authority of your own"
      placeholder="-----BEGIN CERTIFICATE-----"
      autosize
      minRows={1}
      maxRows={6}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
