// Who is not logged in sees the login, everybody else the page that the address names.
import { Center, Loader } from '@mantine/core'
import { lazy, Suspense, useEffect } from 'react'
import { whenSessionIsLost } from './api/client'
import { Waiting } from './components/answer'
import { ProblemNote } from './components/problem'
import { Shell } from './components/shell/shell'
import { Stumble } from './components/stumble'
import { forgetSession, useSession } from './data/session'
import { pageAt } from './routing/pages'
import { usePlace } from './routing/use-place'

const Login = lazy(() => import('./pages/login/login'))

export function App() {
  const session = useSession()
  useEffect(() => whenSessionIsLost(forgetSession), [])
  if (session.isPending) {
    return (
      <Center mih="100vh">
        <Loader aria-label="loading" />
      </Center>
    )
  }
  if (session.isError) {
    return (
      <Center mih="100vh" p="md">
        <ProblemNote error={session.error} again={() => void session.refetch()} />
      </Center>
    )
  }
  if (session.data === null) {
    return (
      <Suspense>
        <Login />
      </Suspense>
    )
  }
  return (
    <Shell>
      <CurrentPage />
    </Shell>
  )
}

function CurrentPage() {
  const { path } = usePlace()
  const { component: Component, values, key } = pageAt(path)
  return (
    <Stumble key={key}>
      <Suspense fallback={<Waiting lines={12} />}>
        <Component values={values} />
      </Suspense>
    </Stumble>
  )
}
