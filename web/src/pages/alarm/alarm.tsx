// One alarm: what happened, why it is an alarm, and what was done about it.
import { Group, Stack, Tabs } from '@mantine/core'
import { useEffect } from 'react'
import type { AlarmDetail } from '../../api/types'
import { Answer } from '../../components/answer'
import { useHandling } from '../../components/handling/use-handling'
import { Json } from '../../components/json'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Risk } from '../../components/risk'
import { Said } from '../../components/said'
import { useAlarm } from '../../data/alarm'
import { useMay } from '../../data/session'
import { readList, writeList } from '../../lib/filter'
import { useKeys } from '../../lib/use-keys'
import { go, href, part } from '../../routing/place'
import type { PageProps } from '../../routing/pages'
import { usePlace } from '../../routing/use-place'
import classes from './alarm.module.css'
import { Events } from './events'
import { ExplanationView } from './explanation'
import { CustomData, Findings } from './findings'
import { Graph } from './graph'
import { HandlingBar } from './handling-bar'
import { History } from './history'
import { Neighbours } from './neighbours'
import { Properties } from './properties'
import { Timeline } from './timeline'

const TABS = ['stages', 'events', 'explanation', 'json'] as const

export default function AlarmPage({ values }: PageProps) {
  const id = values['id'] ?? ''
  const alarm = useAlarm(id)
  const { path, query } = usePlace()
  // The link of existing dashboards leads here, and the address says where one is.
  useEffect(() => {
    if (!path.startsWith('/alarms/')) go(href(`/alarms/${part(id)}`, query), true)
  }, [path, query, id])
  return (
    <Answer of={alarm} lines={14}>
      {(found) => <Found alarm={found} query={query} />}
    </Answer>
  )
}

function Found({ alarm, query }: { alarm: AlarmDetail; query: URLSearchParams }) {
  const list = writeList(readList(query))
  const canHandle = useMay('analyst')
  const handling = useHandling(({ kind }) => {
    if (kind === 'delete') go(href('/alarms', list))
  })
  useKeys({
    s: () => canHandle && handling.ask('status', [alarm]),
    t: () => canHandle && handling.ask('tag', [alarm]),
    u: () => go(href('/alarms', list)),
  })
  const tab = TABS.find((name) => name === query.get('tab')) ?? 'stages'
  const show = (name: string | null) => {
    const params = new URLSearchParams(query)
    params.set('tab', name ?? 'stages')
    go(href(`/alarms/${part(alarm.alarm_id)}`, params), true)
  }
  return (
    <Page
      name={alarm.title}
      title={
        <Group gap="xs" wrap="nowrap" align="start">
          <Risk value={alarm.risk} of={alarm.risk_class} long />
          <Said text={alarm.title} limit={240} whole />
        </Group>
      }
      side={<Neighbours id={alarm.alarm_id} list={list.toString()} />}
    >
      <HandlingBar alarm={alarm} canHandle={canHandle} onAsk={(kind) => handling.ask(kind, [alarm])} />
      <div className={classes.columns}>
        <Tabs value={tab} onChange={show} keepMounted={false} className={classes.main}>
          <Tabs.List>
            <Tabs.Tab value="stages">Stages</Tabs.Tab>
            <Tabs.Tab value="events">Events</Tabs.Tab>
            <Tabs.Tab value="explanation">Explanation</Tabs.Tab>
            <Tabs.Tab value="json">JSON</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="stages">
            <Timeline alarm={alarm} />
          </Tabs.Panel>
          <Tabs.Panel value="events">
            <Events alarm={alarm} />
          </Tabs.Panel>
          <Tabs.Panel value="explanation">
            <ExplanationView id={alarm.alarm_id} />
          </Tabs.Panel>
          <Tabs.Panel value="json">
            <Json of={alarm} what="the alarm as JSON" />
          </Tabs.Panel>
        </Tabs>
        <Stack gap="sm" className={classes.side}>
          <Properties alarm={alarm} />
          <Panel title="Sources and destinations">
            <Graph alarm={alarm} />
          </Panel>
          <Findings alarm={alarm} />
          <CustomData alarm={alarm} />
          <History id={alarm.alarm_id} canComment={canHandle} />
        </Stack>
      </div>
      {handling.dialogs}
    </Page>
  )
}
