// A dsiem of its own for the tests of a file: the real program in a temporary home folder, on a port of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const top = resolve(import.meta.dirname, '../..')
const program =
  process.env['DSIEM'] ?? join(process.env['CARGO_TARGET_DIR'] ?? join(top, 'target'), 'debug/dsiem')
const READY_WITHIN_MILLIS = 60_000

export const PASSWORD = 'correct horse battery'

/** The id of the first of the directives that are made for a test; its file and their plugin have names of their own. */
const FIRST_ID = 9901
const PLUGIN = 99001
const FILE = 'directives_page.json'

interface Options {
  /** Of the administrator; null is none, and a link in the log. */
  password?: string | null
  /** Names of directives that raise an alarm with the first event. */
  directives?: string[]
}

export class Dsiem {
  private events = 0

  private constructor(
    private readonly process: ChildProcess,
    private readonly home: string,
    readonly url: string,
    /** What it has logged so far. */
    readonly log: string[],
    private readonly directives: string[],
  ) {}

  /** Starts one. Without a password for the administrator, it logs a link for the first user. */
  static async start({ password = PASSWORD, directives = [] }: Options = {}): Promise<Dsiem> {
    const home = mkdtempSync(join(tmpdir(), 'dsiem-page-'))
    mkdirSync(join(home, 'configs'))
    copyConfigs(home)
    const made = { directives: directives.map(directive) }
    if (directives.length > 0) writeFileSync(join(home, 'configs', FILE), JSON.stringify(made, null, 2))
    const environment: NodeJS.ProcessEnv = { PATH: process.env['PATH'] }
    if (password !== null) environment['DSIEM_ADMIN_PASSWORD'] = password
    const options = [
      'serve',
      '--home',
      home,
      '--address',
      '127.0.0.1',
      '--port',
      '0',
      '--json',
      '--writeableConfig',
    ]
    const started = spawn(program, options, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const log: string[] = []
    const url = await listening(started, log)
    return new Dsiem(started, home, url, log, directives)
  }

  page(place = '#/'): string {
    return `${this.url}/ui/${place}`
  }

  /** The one-time link for the first user. */
  setUpLink(): string {
    const link = /http\S+\/ui\/#\/set-up\?token=[\w-]+/.exec(this.log.join('\n'))?.[0]
    if (link === undefined) throw new Error(`no link was logged:\n${this.log.join('\n')}`)
    return link
  }

  /** Posts a case of the sample attacks. */
  attack(name: string, examples = 'directives/examples_authentication.json'): void {
    const file = join(top, examples)
    const run = spawnSync(program, ['sample-attack', '--to', this.url, '--examples', file, '--case', name], {
      encoding: 'utf8',
    })
    if (run.status !== 0) throw new Error(run.stderr)
  }

  /** Posts an event for the directive of this name, which raises its alarm. */
  async raise(name: string, fields: Record<string, unknown> = {}): Promise<void> {
    this.events += 1
    const event = {
      event_id: `page-${this.events}`,
      timestamp: new Date().toISOString(),
      sensor: 'page',
      plugin_id: PLUGIN,
      plugin_sid: this.directives.indexOf(name) + 1,
      title: name,
      src_ip: `203.0.113.${this.events}`,
      dst_ip: '10.30.0.20',
      ...fields,
    }
    const response = await fetch(`${this.url}/events`, { method: 'POST', body: JSON.stringify(event) })
    if (!response.ok) throw new Error(await response.text())
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done))
    this.process.kill('SIGTERM')
    await ended
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** A directive whose first event is an alarm, and that waits for three more. */
function directive(name: string, index: number): unknown {
  const rule = (stage: number, more: Record<string, unknown>) => ({
    name: stage === 1 ? 'The first event' : 'Three more of them',
    stage,
    type: 'PluginRule',
    plugin_id: PLUGIN,
    plugin_sid: [index + 1],
    port_from: 'ANY',
    port_to: 'ANY',
    protocol: 'ANY',
    ...more,
  })
  return {
    id: FIRST_ID + index,
    name,
    priority: 5,
    kingdom: 'Tests & <b>Text</b>',
    category: 'Page',
    rules: [
      rule(1, { from: 'ANY', to: 'HOME_NET', occurrence: 1, timeout: 0, reliability: 5 }),
      rule(2, { from: ':1', to: ':1', occurrence: 3, timeout: 3600, reliability: 10 }),
    ],
  }
}

function copyConfigs(home: string): void {
  const copy = (folder: string, beginning: string) => {
    for (const file of readdirSync(join(top, folder))) {
      if (file.startsWith(beginning)) cpSync(join(top, folder, file), join(home, 'configs', file))
    }
  }
  copy('configs', 'assets_')
  copy('directives', 'directives_')
}

/** Waits until it says where it listens. */
function listening(started: ChildProcess, log: string[]): Promise<string> {
  return new Promise((done, failed) => {
    const giveUp = setTimeout(() => failed(new Error(`not ready:\n${log.join('\n')}`)), READY_WITHIN_MILLIS)
    started.once('exit', () => failed(new Error(`it ended:\n${log.join('\n')}`)))
    for (const stream of [started.stdout, started.stderr]) {
      if (stream === null) continue
      createInterface(stream).on('line', (line) => {
        log.push(line)
        const address = line.includes('frontend started') ? /127\.0\.0\.1:\d+/.exec(line)?.[0] : undefined
        if (address === undefined) return
        clearTimeout(giveUp)
        done(`http://${address}`)
      })
    }
  })
}
