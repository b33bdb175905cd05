// How the installation is: whether anything is wrong, and what its parts say of themselves.
import { SimpleGrid } from '@mantine/core'
import type { SystemState } from '../../api/types'
import { Answer } from '../../components/answer'
import { Facts } from '../../components/facts'
import { FigureList } from '../../components/figure-list'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { useEngine, useSystem } from '../../data/system'
import { duration } from '../../lib/time'

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
  const engine = useEngine()
  return (
    <>
      <Panel title="Conditions">
        <Facts
          of={state.conditions.map(({ name, ok, detail }) => [
            name,
            <span key={name}>
              <Severity of={ok ? 'ok' : 'error'}>{ok ? 'good' : 'not good'}</Severity>{' '}
              <Said text={detail} limit={300} whole />
            </span>,
          ])}
        />
      </Panel>
      <SimpleGrid cols={{ base: 1, md: 2, lg: 3 }} spacing="sm">
        <Panel title="Program">
          <Facts
            of={[
              ['Version', state.version],
              ['Running for', duration(state.uptime_secs)],
            ]}
          />
        </Panel>
        <Panel title="Rates">
          <FigureList of={engine.data ?? {}} />
        </Panel>
        <Panel title="Frontend">
          <FigureList of={state.frontend} />
        </Panel>
        <Panel title="Bus">
          <FigureList of={state.bus} />
        </Panel>
        <Panel title="Books">
          <FigureList of={state.ledger} />
        </Panel>
        {state.backends.map((backend, index) => (
          <Panel
            key={index}
            title={typeof backend['node'] === 'string' ? `Backend ${backend['node']}` : 'Backend'}
          >
            <FigureList of={backend} />
          </Panel>
        ))}
      </SimpleGrid>
    </>
  )
}
