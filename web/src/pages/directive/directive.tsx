// One directive: a picture of its stages, what is wrong with it, which backlogs are open and how far they are, and what it
// raised last.
import { Stack } from '@mantine/core'
import type { DirectiveDetail } from '../../api/types'
import { AlarmList } from '../../components/alarm-list'
import { Answer } from '../../components/answer'
import { Facts } from '../../components/facts'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { ProblemList } from '../../components/problem-list'
import { Said } from '../../components/said'
import { useAlarmPage } from '../../data/alarms'
import { useDirective } from '../../data/directives'
import { useMay } from '../../data/session'
import { linkToAlarms } from '../../lib/filter'
import { many } from '../../lib/number'
import { href, part } from '../../routing/place'
import type { PageProps } from '../../routing/pages'
import { Backlogs } from './backlogs'
import { StagePicture } from './stage-picture'

export default function DirectivePage({ values }: PageProps) {
  const directive = useDirective(values['id'] ?? '')
  return (
    <Answer of={directive} lines={12}>
      {(found) => <Found directive={found} />}
    </Answer>
  )
}

function Found({ directive }: { directive: DirectiveDetail }) {
  return (
    <Page
      name={`Directive ${directive.id}`}
      title={
        <>
          <span className="mono">{directive.id}</span> <Said text={directive.name} limit={200} whole />
        </>
      }
    >
      <Panel title="Directive">
        <Facts
          inline
          of={[
            ['Kingdom', <Said key="kingdom" text={directive.kingdom} limit={80} />],
            ['Category', <Said key="category" text={directive.category} limit={80} />],
            ['Priority', directive.priority],
            ['File', <FileLink key="file" to={directive.file} />],
            [
              'Alarms',
              <a key="alarms" href={linkToAlarms({ directive: directive.id })}>
                {many(directive.open_alarms, 'open alarm')}
              </a>,
            ],
          ]}
        />
      </Panel>
      <Panel title="Stages">
        <StagePicture rules={directive.rules} priority={directive.priority} />
      </Panel>
      <Stack gap="sm">
        <Panel title="Validation of its file">
          <ProblemList of={directive.problems} />
        </Panel>
        <Panel title="Open backlogs" flush>
          <Backlogs of={directive.id} />
        </Panel>
        <Panel title="Last alarms" flush>
          <LastAlarms of={directive.id} />
        </Panel>
      </Stack>
    </Page>
  )
}

/** Only administrators see files: there may be passwords in them. */
function FileLink({ to }: { to: string }) {
  const name = <Said text={to} limit={80} />
  return useMay('admin') ? <a href={href(`/configuration/${part(to)}`)}>{name}</a> : name
}

const LAST = '10'

function LastAlarms({ of }: { of: number }) {
  const page = useAlarmPage(
    new URLSearchParams({ directive: String(of), sort: 'updated', order: 'desc', limit: LAST }),
  )
  return <Answer of={page}>{({ alarms }) => <AlarmList of={alarms} />}</Answer>
}
