// The first start: whoever has the one-time link becomes the first administrator.
import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import { NewPassword } from '../../components/new-password'
import { ProblemNote } from '../../components/problem'
import { useSetUp } from '../../data/session'
import { go } from '../../routing/place'

export function SetUp({ token }: { token: string }) {
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const setUp = useSetUp()
  const differs = again !== '' && again !== password
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    if (password === again) setUp.mutate({ token, name, password }, { onSuccess: () => go('#/', true) })
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Text size="sm">Choose the name and the password of the first administrator.</Text>
        <TextInput
          label="Name"
          autoComplete="username"
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          required
        />
        <NewPassword label="Password" value={password} onChange={setPassword} />
        <PasswordInput
          label="Password again"
          autoComplete="new-password"
          value={again}
          onChange={(e) => setAgain(e.currentTarget.value)}
          error={differs && 'This is not the same password.'}
          required
        />
        {setUp.isError && <ProblemNote error={setUp.error} />}
        <Button type="submit" loading={setUp.isPending} disabled={differs}>
          Begin
        </Button>
      </Stack>
    </form>
  )
}
