// What is asked of mail.
import { Group, NativeSelect, NumberInput, PasswordInput, TagsInput, TextInput } from '@mantine/core'
import type { Channel, ChannelRequest } from '../../api/types'
import { AuthorityField } from './authority-field'

type Tls = NonNullable<ChannelRequest['mail']>['tls']

/** As it stands in the form. */
export interface Mail {
  host: string
  port: string | number
  tls: Tls
  user: string
  password: string
  from: string
  to: string[]
  ca: string
}

const TLS: { value: Tls; label: string }[] = [
  { value: 'starttls', label: 'STARTTLS' },
  { value: 'tls', label: 'TLS' },
  { value: 'none', label: 'none' },
]

export function emptyMail(stored: Channel['mail']): Mail {
  return {
    host: stored?.host ?? '',
    port: stored?.port ?? '',
    tls: stored?.tls ?? 'starttls',
    user: stored?.user ?? '',
    password: '',
    from: stored?.from ?? '',
    to: stored?.to ?? [],
    ca: stored?.ca ?? '',
  }
}

export function mailOf({ port, user, password, ca, ...form }: Mail): NonNullable<ChannelRequest['mail']> {
  return {
    ...form,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(user === '' ? {} : { user }),
    ...(password === '' ? {} : { password }),
    ...(ca === '' ? {} : { ca }),
  }
}

interface Props {
  of: Mail
  hasPassword: boolean
  onChange: (mail: Mail) => void
}

export function MailFields({ of, hasPassword, onChange }: Props) {
  const set = (change: Partial<Mail>) => onChange({ ...of, ...change })
  return (
    <>
      <Group grow align="end">
        <TextInput
          label="Mail server"
          value={of.host}
          onChange={(event) => set({ host: event.currentTarget.value })}
          required
        />
        <NumberInput
          label="Port"
          placeholder="the usual one"
          min={1}
          max={65535}
          value={of.port}
          onChange={(port) => set({ port })}
        />
        <NativeSelect
          label="Protected by"
          data={TLS}
          value={of.tls}
          onChange={(event) =>
            set({ tls: TLS.find(({ value }) => value === event.currentTarget.value)?.value ?? 'starttls' })
          }
        />
      </Group>
      <Group grow>
        <TextInput
          label="User"
          autoComplete="off"
          value={of.user}
          onChange={(event) => set({ user: event.currentTarget.value })}
        />
        <PasswordInput
          label="Password"
          autoComplete="new-password"
          placeholder={hasPassword ? 'is set; leave it empty to keep it' : ''}
          value={of.password}
          onChange={(event) => set({ password: event.currentTarget.value })}
        />
      </Group>
      <TextInput
        label="From"
        placeholder="dsiem <dsiem@example.com>"
        value={of.from}
        onChange={(event) => set({ from: event.currentTarget.value })}
        required
      />
      <TagsInput
        size="xs"
        label="To"
        placeholder="name@example.com"
        value={of.to}
        onChange={(to) => set({ to })}
      />
      <AuthorityField value={of.ca} onChange={(ca) => set({ ca })} />
    </>
  )
}
