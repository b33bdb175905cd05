// How the installation is: whether anything is wrong, which processes there are, what waits where, and whether the books
// balance.
import { SimpleGrid } from '@mantine/core'
import type { SystemState } from '../../api/types'
import { Answer } from '../../components/answer'
import { Facts } from '../../components/facts'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Severity } from '../../components/severity'
import { useSystem } from '../../data/system'
import { duration } from '../../lib/time'
import { BusPanel } from './bus-panel'
import { Conditions } from './conditions'
import { NodePanel } from './node-panel'
import { Nodes } from './nodes'

export default function System() {
  const system = useSystem()
  return (
    <Page name="System">
      <Answer of={system} lines={12}>
        {(state) => <State of={state} />}
      </Answer>
    </Page>
  )
}

function State({ of: state }: { of: SystemState }) {
  const off = state.ledger.off.map(({ node, book }) => `${book} of ${node}`).join(', ')
  return (
    <>
      <SimpleGrid cols={{ base: 1, md: 3 }} spacing="sm">
        <Panel title="This frontend">
          <Facts
            of={[
              ['Version', state.version],
              ['Running for', duration(state.uptime_secs)],
              [
                'Books',
                <Severity key="books" of={state.ledger.balanced ? 'ok' : 'error'}>
                  {state.ledger.balanced ? 'all balance' : `off: ${off}`}
                </Severity>,
              ],
            ]}
          />
        </Panel>
        <BusPanel of={state.bus} />
        <Panel title="Conditions">
          <Conditions of={state.conditions} />
        </Panel>
      </SimpleGrid>
      <Panel title="Processes" flush>
        <Nodes of={state.nodes} />
      </Panel>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="sm">
        {state.nodes.map((node) => (
          <NodePanel key={`${node.node} ${node.run}`} node={node} />
        ))}
      </SimpleGrid>
    </>
  )
}
