// A password that somebody chooses: how long it has to be is said and asked for in one place.
import { PasswordInput, type PasswordInputProps } from '@mantine/core'
import { PASSWORD_LENGTH } from '../lib/limits'

interface Props extends Pick<PasswordInputProps, 'w'> {
  label: string
  value: string
  onChange: (password: string) => void
}

export function NewPassword({ label, value, onChange, ...rest }: Props) {
  return (
    <PasswordInput
      label={label}
      autoComplete="new-password"
      description={`${PASSWORD_LENGTH} characters or more`}
      minLength={PASSWORD_LENGTH}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      required
      {...rest}
    />
  )
}
