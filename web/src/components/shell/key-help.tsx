// Which keys there are.
import { Kbd, Modal, Table } from '@mantine/core'

const KEYS: [string[], string][] = [
  [['j', 'k'], 'next and previous alarm'],
  [['Enter'], 'open the alarm'],
  [['x'], 'select it, or no longer'],
  [['s'], 'set the status of what is selected'],
  [['t'], 'set the tag of what is selected'],
  [['/'], 'search'],
  [['u'], 'from an alarm back to the list'],
  [['Esc'], 'leave the search, drop the selection'],
  [['?'], 'this list'],
]

export function KeyHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keys">
      <Table>
        <Table.Tbody>
          {KEYS.map(([keys, meaning]) => (
            <Table.Tr key={meaning}>
              <Table.Td w={90}>
                {keys.map((key) => (
                  <Kbd key={key} mr={4}>
                    {key}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  )
}
