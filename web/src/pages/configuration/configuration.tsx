// The configuration files: which there are, and one of them in an editor that says what is wrong while somebody writes.
import { Alert, Button, Group, Text, TextInput } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { ConfigFile } from '../../api/types'
import { Answer } from '../../components/answer'
import { Empty } from '../../components/empty'
import { Page } from '../../components/page'
import { Panel } from '../../components/panel'
import { Said } from '../../components/said'
import { useConfigFiles } from '../../data/configuration'
import { go, href, part } from '../../routing/place'
import type { PageProps } from '../../routing/pages'
import classes from './configuration.module.css'
import { FileEditor } from './file-editor'

const KINDS: Record<NonNullable<ConfigFile['kind']>, string> = {
  assets: 'assets',
  directives: 'directives',
  intel: 'intelligence',
  vulnerabilities: 'vulnerabilities',
}

export default function Configuration({ values }: PageProps) {
  const files = useConfigFiles()
  const name = values['name']
  return (
    <Page name={name === undefined ? 'Configuration' : `Configuration ${name}`} title="Configuration">
      <Answer of={files} lines={6}>
        {({ files: all, writable }) => (
          <>
            {!writable && (
              <Alert variant="light" color="gray">
                Files can be looked at and not changed here. To change them here, start dsiem with{' '}
                <code>--writable-config</code>.
              </Alert>
            )}
            <div className={classes.columns}>
              <Panel title="Files">
                <FileList files={all} current={name} />
                {writable && <NewFile taken={all.map((file) => file.name)} />}
              </Panel>
              {name === undefined ? (
                <Panel title="No file is open">
                  <Empty title="Choose a file">
                    A change takes effect when the backends start the next time.
                  </Empty>
                </Panel>
              ) : (
                <FileEditor
                  key={name}
                  name={name}
                  writable={writable}
                  isNew={!all.some((file) => file.name === name)}
                />
              )}
            </div>
          </>
        )}
      </Answer>
    </Page>
  )
}

function FileList({ files, current }: { files: ConfigFile[]; current: string | undefined }) {
  return (
    <ul className={classes.files}>
      {files.map(({ name, kind }) => (
        <li key={name}>
          <a href={href(`/configuration/${part(name)}`)} aria-current={name === current ? 'page' : undefined}>
            <Said text={name} limit={60} />
          </a>
          <br />
          <span className="soft">{kind == null ? '' : KINDS[kind]}</span>
        </li>
      ))}
    </ul>
  )
}

function NewFile({ taken }: { taken: string[] }) {
  const [name, setName] = useState('')
  const isTaken = taken.includes(name)
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    go(href(`/configuration/${part(name)}`))
    setName('')
  }
  return (
    <form onSubmit={submit}>
      <Group gap={6} mt="sm" wrap="nowrap">
        <TextInput
          flex={1}
          aria-label="Name of a new file"
          placeholder="directives_mine.json"
          value={name}
          onChange={(event) => setName(event.currentTarget.value.trim())}
        />
        <Button type="submit" variant="default" disabled={name === '' || isTaken}>
          New
        </Button>
      </Group>
      <Text size="xs" c="dimmed" mt={4}>
        directives_, assets_, intel_ or vuln_, then a name, then .json
      </Text>
    </form>
  )
}
