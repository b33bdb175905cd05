// Who is told of alarms, and how.
import { Page } from '../../components/page'

export default function Notifications() {
  return <Page name="Notifications">…</Page>
}
