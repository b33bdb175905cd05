// From alarm to alarm of the list that one came from.
import { Button, Group } from '@mantine/core'
import { IconArrowBackUp, IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import { useAlarmPage } from '../../data/alarms'
import { listQuery, type ListState, readList, writeList } from '../../lib/filter'
import { usePreferences } from '../../lib/preferences'
import { useKeys } from '../../lib/use-keys'
import { useNow } from '../../lib/use-now'
import { go, href, part } from '../../routing/place'

/** The links to the alarms before and after this one. The list is followed onto its next page. */
function useNeighbours(id: string, list: ListState): { before: string | null; after: string | null } {
  const [{ pageSize }] = usePreferences()
  const now = useNow(60)
  const page = useAlarmPage(listQuery(list, pageSize, now)).data
  const rows = page?.alarms ?? []
  const at = rows.findIndex((alarm) => alarm.alarm_id === id)
  const next = page?.next ?? ''
  const isLast = at >= 0 && at === rows.length - 1 && next !== ''
  const behind: ListState = { ...list, after: next }
  const nextPage = useAlarmPage(listQuery(behind, pageSize, now), isLast).data
  const linkTo = (alarm: { alarm_id: string } | undefined, from: ListState) =>
    alarm === undefined ? null : href(`/alarms/${part(alarm.alarm_id)}`, writeList(from))
  if (at < 0) return { before: null, after: null }
  return {
    before: linkTo(rows[at - 1], list),
    after: isLast ? linkTo(nextPage?.alarms[0], behind) : linkTo(rows[at + 1], list),
  }
}

export function Neighbours({ id, list }: { id: string; list: string }) {
  const { before, after } = useNeighbours(id, readList(new URLSearchParams(list)))
  useKeys({ j: () => after !== null && go(after), k: () => before !== null && go(before) })
  return (
    <Group gap={6}>
      <Button
        component="a"
        variant="default"
        href={href('/alarms', new URLSearchParams(list))}
        leftSection={<IconArrowBackUp size={14} aria-hidden />}
      >
        List
      </Button>
      <Button
        variant="default"
        disabled={before === null}
        onClick={() => before !== null && go(before)}
        leftSection={<IconChevronLeft size={14} aria-hidden />}
      >
        Previous
      </Button>
      <Button
        variant="default"
        disabled={after === null}
        onClick={() => after !== null && go(after)}
        rightSection={<IconChevronRight size={14} aria-hidden />}
      >
        Next
      </Button>
    </Group>
  )
}
