// Why the alarm is as it is: for each stage which rule, which value matched how, and what is still missing until the next one.
import { Alert, Stack, Table, Text } from '@mantine/core'
import { Answer } from '../../components/answer'
import { Said } from '../../components/said'
import { When } from '../../components/when'
import { useExplanation } from '../../data/alarm'

export function ExplanationView({ id }: { id: string }) {
  const explanation = useExplanation(id)
  return (
    <Answer of={explanation} lines={8}>
      {({ stages, missing, until }) => (
        <Stack gap="md">
          {missing !== null && (
            <Alert title="What is missing until the next stage">
              <Said text={missing} limit={600} whole />
              {until !== null && (
                <>
                  {' '}
                  It waits until <When at={until} />.
                </>
              )}
            </Alert>
          )}
          {stages.map((stage) => (
            <div key={stage.stage}>
              <Text component="h3" fw={600} size="sm">
                {stage.stage}. <Said text={stage.rule} limit={200} whole /> <span className="soft">({stage.state})</span>
              </Text>
              <Text size="sm" component="div">
                <Said text={stage.text} limit={600} whole />
              </Text>
              {stage.matched.length > 0 && (
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Field</Table.Th>
                      <Table.Th>The rule asks for</Table.Th>
                      <Table.Th>The event has</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {stage.matched.map(({ field, wanted, found }) => (
                      <Table.Tr key={field}>
                        <Table.Td>{field}</Table.Td>
                        <Table.Td className="mono">
                          <Said text={wanted} limit={120} whole />
                        </Table.Td>
                        <Table.Td className="mono">
                          <Said text={found} limit={120} whole />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              )}
            </div>
          ))}
        </Stack>
      )}
    </Answer>
  )
}
