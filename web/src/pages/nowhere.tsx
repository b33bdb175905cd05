// An address that names no page.
import { Anchor } from '@mantine/core'
import { Empty } from '../components/empty'

export default function Nowhere() {
  return (
    <Empty title="There is no such page">
      The address may be from an older release. <Anchor href="#/">Go to the overview</Anchor>
    </Empty>
  )
}
