// What look-ups say of its addresses, and what its events carried.
import { Badge, Group } from '@mantine/core'
import type { AlarmDetail, Finding } from '../../api/types'
import { Facts } from '../../components/facts'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import classes from './alarm.module.css'

export function Findings({ alarm }: { alarm: AlarmDetail }) {
  const all: [string, Finding[]][] = [
    ['threat intelligence', alarm.intel_hits],
    ['vulnerability', alarm.vulnerabilities],
  ]
  if (all.every(([, findings]) => findings.length === 0)) return null
  return (
    <Panel title="Findings">
      {all.flatMap(([kind, findings]) =>
        findings.map((finding, index) => (
          <div key={`${kind} ${index}`} className={classes.entry}>
            <Group gap={6}>
              <Badge size="xs" variant="default">
                {kind}
              </Badge>
              <b>
                <Said text={finding.provider} limit={60} />
              </b>
              <span className="mono">
                <Said text={finding.term} limit={80} />
              </span>
            </Group>
            <Said text={finding.result} limit={300} whole />
          </div>
        )),
      )}
    </Panel>
  )
}

export function CustomData({ alarm }: { alarm: AlarmDetail }) {
  if (alarm.custom_data.length === 0) return null
  const byLabel = new Map<string, string[]>()
  for (const { label, content } of alarm.custom_data)
    byLabel.set(label, [...(byLabel.get(label) ?? []), content])
  return (
    <Panel title="Custom data">
      <Facts
        of={[...byLabel].map(([label, contents]) => [
          label,
          <Said key={label} text={contents.join(', ')} limit={400} whole />,
        ])}
      />
    </Panel>
  )
}
