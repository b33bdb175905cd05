// One configuration file: its text, what is wrong with it, saving and deleting.
import { Button, Group } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { lazy, Suspense, useRef, useState } from 'react'
import { ProblemError } from '../../api/client'
import type { Problem } from '../../api/types'
import { Answer, Waiting } from '../../components/answer'
import { ConfirmButton } from '../../components/confirm'
import { Panel } from '../../components/panel'
import { ProblemNote } from '../../components/problem'
import { ProblemList } from '../../components/problem-list'
import { Said } from '../../components/said'
import { type FileText, useConfigFile, useDeleteFile, useSaveFile } from '../../data/configuration'
import { go } from '../../routing/place'
import { useBeforeLeaving } from '../../lib/use-before-leaving'
import classes from './configuration.module.css'
import { EMPTY_FILES } from './empty-files'
import type { EditorHandle } from './json-editor'
import { useCheck } from './use-check'

const JsonEditor = lazy(() => import('./json-editor'))

interface Props {
  name: string
  writable: boolean
  /** It is not there yet. */
  isNew: boolean
}

export function FileEditor({ name, writable, isNew }: Props) {
  return isNew ? (
    <Loaded name={name} writable={writable} file={{ text: emptyFile(name), etag: '' }} />
  ) : (
    <Existing name={name} writable={writable} />
  )
}

function emptyFile(name: string): string {
  return EMPTY_FILES.find(([beginning]) => name.startsWith(beginning))?.[1] ?? '{}\n'
}

function Existing({ name, writable }: { name: string; writable: boolean }) {
  const file = useConfigFile(name)
  return (
    <Answer of={file} lines={16}>
      {(found) => <Loaded name={name} writable={writable} file={found} />}
    </Answer>
  )
}

function Loaded({ name, writable, file }: { name: string; writable: boolean; file: FileText }) {
  const [text, setText] = useState(file.text)
  const editor = useRef<EditorHandle>(null)
  const check = useCheck(name, text)
  const save = useSaveFile(name)
  const remove = useDeleteFile(name)
  const isChanged = text !== file.text || file.etag === ''
  useBeforeLeaving(isChanged && writable && file.etag !== '')
  const problems: Problem[] = check.data ?? []
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const saveIt = () =>
    save.mutate(
      { text, etag: file.etag },
      {
        onSuccess: () =>
          notifications.show({ message: `${name} is saved. Backends take it when they start.` }),
      },
    )
  return (
    <Panel
      title={<Said text={name} limit={80} />}
      side={
        writable && (
          <Group gap={6}>
            {file.etag !== '' && (
              <ConfirmButton
                label="Delete"
                question="Backends do without it from their next start on."
                onConfirmed={() => remove.mutate(undefined, { onSuccess: () => go('#/configuration') })}
              />
            )}
            <Button
              disabled={!isChanged || errors > 0 || check.isFetching}
              loading={save.isPending}
              onClick={saveIt}
            >
              Save
            </Button>
          </Group>
        )
      }
    >
      <div className={classes.editor}>
        <Suspense fallback={<Waiting lines={16} />}>
          <JsonEditor
            ref={editor}
            label={name}
            text={file.text}
            readOnly={!writable}
            problems={problems}
            onChange={setText}
          />
        </Suspense>
      </div>
      <div className={classes.problems} aria-live="polite" aria-busy={check.isFetching}>
        {check.isError ? (
          <ProblemNote error={check.error} again={() => void check.refetch()} />
        ) : (
          check.isSuccess && (
            <ProblemList of={problems} onChosen={(problem) => editor.current?.show(problem)} />
          )
        )}
      </div>
      {save.isError && <SaveProblem error={save.error} />}
      {remove.isError && <ProblemNote error={remove.error} />}
    </Panel>
  )
}

function SaveProblem({ error }: { error: unknown }) {
  const isConflict = error instanceof ProblemError && error.status === 412
  return (
    <ProblemNote
      error={
        isConflict
          ? new ProblemError(
              412,
              'Somebody else has saved this file',
              'Copy what you wrote, load the file again, and put it in.',
            )
          : error
      }
    />
  )
}
