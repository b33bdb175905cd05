// One process: what waits in it, and its books.
import { Progress, Table } from '@mantine/core'
import type { Book, Node } from '../../api/types'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Severity } from '../../components/severity'
import { count } from '../../lib/number'

export function NodePanel({ node }: { node: Node }) {
  return (
    <Panel title={<Said text={node.node} limit={60} />} flush>
      <Table verticalSpacing={3} fz={12.5} aria-label="Queues">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Queue</Table.Th>
            <Table.Th>Waiting</Table.Th>
            <Table.Th>Limit</Table.Th>
            <Table.Th w={110}>Full</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {node.queues.map(({ name, waiting, limit }) => (
            <Table.Tr key={name}>
              <Table.Td>
                <Said text={name.replaceAll('_', ' ')} limit={60} />
              </Table.Td>
              <Table.Td>{count(waiting)}</Table.Td>
              <Table.Td>{limit == null ? '–' : count(limit)}</Table.Td>
              <Table.Td>
                {limit != null && (
                  <Progress
                    size={5}
                    value={(waiting / Math.max(1, limit)) * 100}
                    aria-label={`how full ${name} is`}
                  />
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Table verticalSpacing={3} fz={12.5} aria-label="Books">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Book</Table.Th>
            <Table.Th>Came in</Table.Th>
            <Table.Th>Became</Table.Th>
            <Table.Th>Under way</Table.Th>
            <Table.Th>State</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {node.books.map((book) => (
            <BookRow key={book.name} book={book} />
          ))}
        </Table.Tbody>
      </Table>
    </Panel>
  )
}

function BookRow({ book }: { book: Book }) {
  const became = book.outgoing.filter((entry) => entry.count > 0)
  return (
    <Table.Tr>
      <Table.Td>
        <Said text={book.name} limit={60} />
      </Table.Td>
      <Table.Td>{count(book.incoming)}</Table.Td>
      <Table.Td>
        <Said
          text={
            became.map((entry) => `${entry.name.replaceAll('_', ' ')} ${count(entry.count)}`).join(', ') ||
            '–'
          }
          limit={300}
          whole
        />
      </Table.Td>
      <Table.Td>{count(book.in_flight)}</Table.Td>
      <Table.Td>
        <Severity of={book.balanced ? 'ok' : 'error'}>{book.balanced ? 'balances' : 'off'}</Severity>
      </Table.Td>
    </Table.Tr>
  )
}
