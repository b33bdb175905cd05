// What stands around every page: where one can go, whether what is shown is live, and who one is.
import { AppShell, Burger, Group, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type ReactNode, useState } from 'react'
import { useChanges } from '../../data/changes'
import { useKeys } from '../../lib/use-keys'
import { KeyHelp } from './key-help'
import { LiveMark } from './live-mark'
import { Navigation } from './navigation'
import classes from './shell.module.css'
import { UserMenu } from './user-menu'
import { ViewSwitches } from './view-switches'

export function Shell({ children }: { children: ReactNode }) {
  const [isOpen, { toggle, close }] = useDisclosure()
  const [helps, setHelps] = useState(false)
  const liveness = useChanges()
  useKeys({ '?': () => setHelps(true) })
  return (
    <AppShell
      header={{ height: 44 }}
      navbar={{ width: 176, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="sm"
      classNames={{ header: classes.header, navbar: classes.navbar, main: classes.main }}
    >
      <a className={classes.skip} href="#content" onClick={skip}>
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger hiddenFrom="sm" size="sm" opened={isOpen} onClick={toggle} aria-label="Pages" />
            <a href="#/" className={classes.brand}>
              <img src="./favicon.svg" alt="" width={22} height={22} />
              <Text component="span" fw={700}>
                dsiem
              </Text>
            </a>
          </Group>
          <Group gap={4} wrap="nowrap">
            <LiveMark liveness={liveness} />
            <ViewSwitches onHelp={() => setHelps(true)} />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar aria-label="Pages">
        <Navigation onGo={close} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        {children}
      </AppShell.Main>
      <KeyHelp opened={helps} onClose={() => setHelps(false)} />
    </AppShell>
  )
}

/** The part behind the `#` is the page's place, so the browser cannot do this by itself. */
function skip(event: { preventDefault: () => void }): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}
