// Who is told of alarms, and how: where to (channels), of which (rules), and what became of it (deliveries).
import { Tabs } from '@mantine/core'
import { Page } from '../../components/page'
import { go, href } from '../../routing/place'
import { usePlace } from '../../routing/use-place'
import { Channels } from './channels'
import { Deliveries } from './deliveries'
import { Rules } from './rules'

const TABS = ['rules', 'channels', 'deliveries'] as const

export default function Notifications() {
  const { query } = usePlace()
  const tab = TABS.find((name) => name === query.get('tab')) ?? 'rules'
  return (
    <Page name="Notifications">
      <Tabs
        value={tab}
        onChange={(name) => go(href('/notifications', { tab: name ?? 'rules' }), true)}
        keepMounted={false}
      >
        <Tabs.List mb="sm">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="channels">Channels</Tabs.Tab>
          <Tabs.Tab value="deliveries">Deliveries</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <Rules />
        </Tabs.Panel>
        <Tabs.Panel value="channels">
          <Channels />
        </Tabs.Panel>
        <Tabs.Panel value="deliveries">
          <Deliveries />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}
