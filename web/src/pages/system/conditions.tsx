// Under which conditions processes can do their work, and which of them are not met.
import type { Condition } from '../../api/types'
import { Facts } from '../../components/facts'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'

const STATES = {
  met: ['ok', 'good'],
  degraded: ['warning', 'in part'],
  unmet: ['error', 'not good'],
} as const

export function Conditions({ of }: { of: Condition[] }) {
  if (of.length === 0) return <Severity of="ok">nothing is wrong</Severity>
  return (
    <Facts
      of={of.map(({ node, name, state, detail }) => {
        const [severity, word] = STATES[state]
        return [
          `${name.replaceAll('_', ' ')} of ${node}`,
          <span key={`${node} ${name}`}>
            <Severity of={severity}>{word}</Severity> <Said text={detail} limit={300} whole />
          </span>,
        ]
      })}
    />
  )
}
