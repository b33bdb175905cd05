// Why the alarm is as it is: for each stage which rule, which value matched how, and what is still missing until the next one.
import { Alert, Stack, Table, Text } from '@mantine/core'
import type { Explanation, StageExplanation } from '../../api/types'
import { Answer } from '../../components/answer'
import { Said } from '../../components/said'
import { When } from '../../components/when'
import { useExplanation } from '../../data/alarm'
import { many } from '../../lib/number'

const STATES: Record<StageExplanation['state'], string> = {
  complete: 'complete',
  waiting: 'waits for events',
  timed_out: 'timed out',
  given_up: 'given up',
  not_reached: 'not reached',
}

const DIRECTIVES: Record<Explanation['directive'], string> = {
  loaded: '',
  changed: 'The directive has been changed since; conditions are shown as they were for this alarm.',
  unknown: 'The directive is not in the configuration files that are here.',
}

export function ExplanationView({ id }: { id: string }) {
  const explanation = useExplanation(id)
  return (
    <Answer of={explanation} lines={8}>
      {({ summary, deadline, directive, stages }) => (
        <Stack gap="lg">
          <Alert variant="light" title="In short">
            <Said text={summary} limit={800} whole />{' '}
            {deadline != null && (
              <>
                The current stage can be completed until <When at={deadline} />.
              </>
            )}
            {DIRECTIVES[directive] !== '' && <div>{DIRECTIVES[directive]}</div>}
          </Alert>
          {stages.map((stage) => (
            <StageView key={stage.stage} stage={stage} />
          ))}
        </Stack>
      )}
    </Answer>
  )
}

function StageView({ stage }: { stage: StageExplanation }) {
  return (
    <section aria-label={`Stage ${stage.stage}`}>
      <Text component="h2" fw={600} size="sm">
        {stage.stage}. <Said text={stage.name} limit={200} whole />{' '}
        <span className="soft">({STATES[stage.state]})</span>
      </Text>
      <Text size="sm" component="div" mb={4}>
        <Said text={stage.why} limit={600} whole />{' '}
        {stage.missing > 0 && <b>{many(stage.missing, 'event')} missing.</b>}
      </Text>
      {stage.conditions.length > 0 && <Conditions of={stage.conditions} />}
    </section>
  )
}

function Conditions({ of }: { of: StageExplanation['conditions'] }) {
  const cell = (text: string) => (
    <span className="mono">
      <Said text={text} limit={120} whole />
    </span>
  )
  return (
    <Table.ScrollContainer minWidth={520}>
      <Table layout="fixed" verticalSpacing={4} fz={12.5}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={110}>Field</Table.Th>
            <Table.Th>The rule asks</Table.Th>
            <Table.Th>For this alarm</Table.Th>
            <Table.Th>Its events have</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {of.map((condition) => (
            <Table.Tr key={condition.field}>
              <Table.Td>{condition.field}</Table.Td>
              <Table.Td>
                {cell(condition.written)}
                <div className="soft">
                  <Said text={condition.meaning} limit={200} whole />
                </div>
              </Table.Td>
              <Table.Td>{cell(condition.resolved)}</Table.Td>
              <Table.Td>{cell(condition.values.join(', '))}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
