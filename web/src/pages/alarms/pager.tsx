// From page to page of a list, and how long it is.
import { Button, Group, NativeSelect } from '@mantine/core'
import { IconChevronLeft, IconChevronRight, IconChevronsLeft } from '@tabler/icons-react'
import type { AlarmPage } from '../../api/types'
import { usePreferences } from '../../lib/preferences'

const SIZES = ['25', '50', '100', '200']

interface Props {
  /** Where this page begins; empty is the first one. */
  after: string
  /** Where the next page begins, if there is one. */
  next: string | null
  onGo: (after: string) => void
}

export function Pager({ after, next, onGo }: Props) {
  const [{ pageSize }, prefer] = usePreferences()
  return (
    <Group gap={6}>
      <NativeSelect
        aria-label="Alarms on a page"
        data={SIZES.map((size) => ({ value: size, label: `${size} on a page` }))}
        value={String(pageSize)}
        onChange={(event) => {
          prefer({ pageSize: Number(event.currentTarget.value) })
          onGo('')
        }}
      />
      <Button variant="default" disabled={after === ''} onClick={() => onGo('')} aria-label="First page">
        <IconChevronsLeft size={14} aria-hidden />
      </Button>
      <Button
        variant="default"
        disabled={after === ''}
        onClick={() => window.history.back()}
        leftSection={<IconChevronLeft size={14} aria-hidden />}
      >
        Back
      </Button>
      <Button
        variant="default"
        disabled={next === null}
        onClick={() => onGo(next ?? '')}
        rightSection={<IconChevronRight size={14} aria-hidden />}
      >
        Next
      </Button>
    </Group>
  )
}

export function Length({ count }: { count: AlarmPage['count'] | undefined }) {
  if (count === undefined) return <span className="soft">…</span>
  const value = new Intl.NumberFormat('en').format(count.value)
  return (
    <span aria-live="polite">
      <b>
        {value}
        {count.is_exact ? '' : '+'}
      </b>{' '}
      <span className="soft">{count.value === 1 && count.is_exact ? 'alarm' : 'alarms'}</span>
    </span>
  )
}
