// The list is empty: because of the filter, or because nothing has happened yet; then how to make something happen.
import { Button, Code, Group } from '@mantine/core'
import { Copy } from '../../components/copy'
import { Empty } from '../../components/empty'

export function NoAlarms({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  if (isFiltered) {
    return (
      <Empty title="No alarm fits this filter">
        <Button variant="default" mt="xs" onClick={onClear}>
          Clear filter
        </Button>
      </Empty>
    )
  }
  return <NoAlarmYet />
}

export function NoAlarmYet() {
  const command = `dsiem sample-attack --to ${window.location.origin}`
  return (
    <Empty title="No alarm yet: send a sample attack">
      <Group gap={4} justify="center" my={6}>
        <Code>{command}</Code>
        <Copy text={command} what="the command" />
      </Group>
      The alarm appears here by itself. To send events of your own, post them to{' '}
      <Code>{window.location.origin}/events</Code>; which of them raise an alarm, the{' '}
      <a href="#/directives">directives</a> say.
    </Empty>
  )
}
