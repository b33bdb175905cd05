// What a rule asks of an event, as names and values in the order in which people read them. Rules of directives and stages of
// alarms (with references resolved) are shown in the same way.
import type { Rule } from '../api/types'

const list = (values: readonly (string | number)[] | undefined) => (values ?? []).join(', ')

/** The parts that say something; what accepts anything is left out. */
export function asked(rule: Partial<Rule>): [string, string][] {
  const parts: [string, string][] = [
    ['from', rule.from ?? ''],
    ['to', rule.to ?? ''],
    ['port from', rule.port_from ?? ''],
    ['port to', rule.port_to ?? ''],
    ['protocol', rule.protocol ?? ''],
    ['plugin', rule.plugin_id === undefined || rule.plugin_id === 0 ? '' : String(rule.plugin_id)],
    ['sid', list(rule.plugin_sid)],
    ['product', list(rule.product)],
    ['category', rule.category ?? ''],
    ['subcategory', list(rule.subcategory)],
    ['custom data 1', rule.custom_data1 ?? ''],
    ['custom data 2', rule.custom_data2 ?? ''],
    ['custom data 3', rule.custom_data3 ?? ''],
    ['each with another', rule.sticky_different ?? ''],
  ]
  return parts.filter(([, value]) => value !== '' && value !== 'ANY')
}

export type StageState = 'finished' | 'timeout' | 'active' | 'waiting'

/** How far a stage is. */
export function stateOf(stage: { status?: string | null; start_time?: number | null }): StageState {
  if (stage.status === 'finished' || stage.status === 'timeout') return stage.status
  return stage.start_time === null || stage.start_time === undefined || stage.start_time === 0
    ? 'waiting'
    : 'active'
}

export const STATE_WORDS: Record<StageState, string> = {
  finished: 'complete',
  timeout: 'timed out',
  active: 'in progress',
  waiting: 'not begun',
}
