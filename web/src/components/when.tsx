// A time, as its reader likes it: how long ago, or exactly when. The other form is in the tooltip.
import { usePreferences } from '../lib/preferences'
import { absolute, relative } from '../lib/time'
import { useNow } from '../lib/use-now'

export function When({ at }: { at: number | null | undefined }) {
  const [{ times }] = usePreferences()
  const now = useNow()
  if (at === null || at === undefined || at === 0) return <span className="soft">never</span>
  const forms = [relative(at, now), absolute(at)] as const
  const [shown, other] = times === 'relative' ? forms : ([forms[1], forms[0]] as const)
  return (
    <time dateTime={isoOf(at)} title={other} className="cut">
      {shown}
    </time>
  )
}

function isoOf(secs: number): string {
  const date = new Date(secs * 1000)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString()
}
