// Coming in: with a name and a password, by way of the organisation's own login, or as the first user of all.
import { Alert, Button, Center, Divider, Paper, PasswordInput, Stack, TextInput, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { type SyntheticEvent, useState } from 'react'
import { address } from '../../api/client'
import type { LoginOptions } from '../../api/types'
import { Answer } from '../../components/answer'
import { ProblemNote } from '../../components/problem'
import { useLogin, useLoginOptions } from '../../data/session'
import { usePlace } from '../../routing/use-place'
import { SetUp } from './set-up'

export default function Login() {
  const place = usePlace()
  const options = useLoginOptions()
  useDocumentTitle('Log in · dsiem')
  const setUpToken = place.path === '/set-up' ? place.query.get('token') : null
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="lg" w={360} maw="100%">
        <Stack gap="md">
          <Title order={1}>dsiem</Title>
          {setUpToken === null ? (
            <Answer of={options}>{(found) => <Ways options={found} />}</Answer>
          ) : (
            <SetUp token={setUpToken} />
          )}
        </Stack>
      </Paper>
    </Center>
  )
}

function Ways({ options }: { options: LoginOptions }) {
  if (options.auth === 'header') {
    return (
      <Alert color="yellow" title="Not logged in">
        Users of this installation are told by the proxy in front of it. Open the page by way of the proxy.
      </Alert>
    )
  }
  return (
    <>
      {options.set_up_needed && (
        <Alert title="There is no user yet">
          Open the one-time link that dsiem printed when it started (it begins with <code>/ui/#/set-up</code>
          ); it makes the first administrator. The link is in the log, and starting again prints a new one.
        </Alert>
      )}
      {options.password && <WithPassword />}
      {options.password && options.oidc != null && <Divider label="or" />}
      {options.oidc != null && (
        <Button component="a" href={address('/oidc/start')} variant="default">
          {options.oidc.label}
        </Button>
      )}
    </>
  )
}

function WithPassword() {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const login = useLogin()
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    login.mutate({ name, password })
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          autoComplete="username"
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          required
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          required
        />
        {login.isError && <ProblemNote error={login.error} />}
        <Button type="submit" loading={login.isPending}>
          Log in
        </Button>
      </Stack>
    </form>
  )
}
