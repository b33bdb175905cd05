// Asks what exactly is to be done with some alarms.
import { Modal, Stack, Text } from '@mantine/core'
import { useChoices, type Deed } from '../../data/alarms'
import { many } from '../../lib/number'
import { ProblemNote } from '../problem'
import { Said } from '../said'
import { AssigneeForm, CommentForm, DeleteForm } from './deed-forms'
import type { Alarms } from './use-handling'
import { QUESTIONS } from './words'
import { WordList } from './word-list'

interface Props {
  kind: Deed['kind']
  alarms: Alarms
  isBusy: boolean
  error: unknown
  onChosen: (deed: Deed) => void
  onClose: () => void
}

export function DeedDialog({ kind, alarms, isBusy, error, onChosen, onClose }: Props) {
  const [only] = alarms
  return (
    <Modal opened onClose={onClose} title={`${QUESTIONS[kind]}: ${many(alarms.length, 'alarm')}`}>
      <Stack gap="sm">
        {alarms.length === 1 && only !== undefined && (
          <Text size="sm" c="dimmed" component="div">
            <Said text={only.title} limit={160} />
          </Text>
        )}
        <Choice kind={kind} isBusy={isBusy} onChosen={onChosen} />
        {error !== null && <ProblemNote error={error} />}
      </Stack>
    </Modal>
  )
}

function Choice({ kind, isBusy, onChosen }: Pick<Props, 'kind' | 'isBusy' | 'onChosen'>) {
  const choices = useChoices()
  switch (kind) {
    case 'status':
      return (
        <WordList words={choices.status} isBusy={isBusy} onChosen={(status) => onChosen({ kind, status })} />
      )
    case 'tag':
      return <WordList words={choices.tags} isBusy={isBusy} onChosen={(tag) => onChosen({ kind, tag })} />
    case 'assignee':
      return <AssigneeForm isBusy={isBusy} onChosen={(assignee) => onChosen({ kind, assignee })} />
    case 'comment':
      return <CommentForm isBusy={isBusy} onChosen={(text) => onChosen({ kind, text })} />
    case 'delete':
      return <DeleteForm isBusy={isBusy} onChosen={() => onChosen({ kind })} />
  }
}
