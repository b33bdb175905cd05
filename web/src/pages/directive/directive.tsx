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
import { useDirective } from '../../data/directives'
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
            [
              'File',
              <a key="file" href={href(`/configuration/${part(directive.file)}`)}>
                <Said text={directive.file} limit={80} />
              </a>,
            ],
            ['State', directive.disabled ? 'disabled' : 'loaded'],
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
        <Panel title="Validation">
          <ProblemList of={directive.problem_list} />
        </Panel>
        <Panel title="Open backlogs" flush>
          <Backlogs of={directive.backlogs} total={directive.open_backlogs} />
        </Panel>
        <Panel title="Last alarms" flush>
          <AlarmList of={directive.last_alarms} />
        </Panel>
      </Stack>
    </Page>
  )
}
