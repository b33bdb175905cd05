// What occurs most: directives, sources, targets.
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { Waiting } from '../../components/answer'
import { useFacets, useTop } from '../../data/alarms'
import { useDirectiveNames } from '../../data/directives'
import { linkToAlarms, RANGES } from '../../lib/filter'
import { compact } from '../../lib/number'
import { useNow } from '../../lib/use-now'
import classes from './overview.module.css'

const SHOWN = 8
const STEP = 60

interface Entry {
  name: string
  alarms: number
  link: string
}

function TopList({ title, entries }: { title: string; entries: Entry[] | undefined }) {
  const most = Math.max(1, ...(entries ?? []).map(({ alarms }) => alarms))
  return (
    <Panel title={title}>
      {entries === undefined && <Waiting lines={SHOWN} />}
      {entries?.length === 0 && <span className="soft">none in this time</span>}
      <ol className={classes.top}>
        {entries?.map(({ name, alarms, link }) => (
          <li key={link}>
            <a href={link}>
              <span className={classes.share} style={{ width: `${(alarms / most) * 100}%` }} />
              <span className="cut">
                <Said text={name} limit={80} />
              </span>
              <b>{compact(alarms)}</b>
            </a>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

/** Since when, in steps, so that the same is not asked again each second. */
export function useSince(range: string): number {
  return useNow(STEP) - (RANGES[range] ?? 0)
}

export function TopAddresses({
  what,
  title,
  range,
}: {
  what: 'sources' | 'destinations'
  title: string
  range: string
}) {
  const { data } = useTop(what, useSince(range), SHOWN)
  const entries = data?.top.map(({ value, alarms }) => ({
    name: value,
    alarms,
    link: linkToAlarms({ network: value, range }),
  }))
  return <TopList title={title} entries={entries} />
}

export function TopDirectives({ range }: { range: string }) {
  const from = String(useSince(range))
  const { data } = useFacets(new URLSearchParams({ from }))
  const names = useDirectiveNames()
  const entries = data?.directive.slice(0, SHOWN).map(({ value, alarms }) => ({
    name: value === 0 ? 'not known' : (names.get(value) ?? `Directive ${value}`),
    alarms,
    link: linkToAlarms({ directive: value, range }),
  }))
  return <TopList title="Directives" entries={entries} />
}
