// What a rule asks of an event.
import type { Rule } from '../api/types'
import { asked } from '../lib/rule'
import { Facts } from './facts'
import { Said } from './said'

export function RuleFacts({ of }: { of: Partial<Rule> }) {
  return (
    <Facts
      inline
      of={asked(of).map(([name, value]) => [
        name,
        <span key={name} className="mono">
          <Said text={value} limit={160} whole />
        </span>,
      ])}
    />
  )
}
