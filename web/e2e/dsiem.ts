// A dsiem of its own for the tests of a file: the real program in a temporary home folder, on a port of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const top = resolve(import.meta.dirname, '../..')
const program =
  process.env['DSIEM'] ?? join(process.env['CARGO_TARGET_DIR'] ?? join(top, 'target'), 'debug/dsiem')
/** While one works on the page: a folder with a built one, so that the program need not be built each time. */
const page = process.env['DSIEM_PAGE']
const READY_WITHIN_MILLIS = 60_000
const LOOK_EVERY_MILLIS = 50

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
    if (page !== undefined) cpSync(resolve(page), join(home, 'web/dist'), { recursive: true })
    const made = { directives: directives.map(directive) }
    if (directives.length > 0) writeFileSync(join(home, 'configs', FILE), JSON.stringify(made, null, 2))
    const environment: NodeJS.ProcessEnv = { PATH: process.env['PATH'] }
    if (password !== null) environment['DSIEM_ADMIN_PASSWORD'] = password
    const port = await freePort()
    const options = [
      'serve',
      '--home',
      home,
      '--address',
      '127.0.0.1',
      '--port',
      String(port),
      '--json',
      '--writeableConfig',
    ]
    const started = spawn(program, options, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    const log = logOf(started)
    const url = `http://127.0.0.1:${port}`
    await until(() => {
      if (started.exitCode !== null) throw new Error(`it ended:\n${log.join('\n')}`)
      return isReady(url)
    }, log)
    return new Dsiem(started, home, url, log, directives)
  }

  page(place = '#/'): string {
    return `${this.url}/ui/${place}`
  }

  /** The one-time link for the first user. */
  setUpLink(): Promise<string> {
    const link = () => /http\S+\/ui\/#\/set-up\?token=[\w-]+/.exec(this.log.join('\n'))?.[0] ?? null
    return until(() => Promise.resolve(link()), this.log)
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

/** Keeps what it logs. */
function logOf(started: ChildProcess): string[] {
  const log: string[] = []
  for (const stream of [started.stdout, started.stderr]) {
    if (stream !== null) createInterface(stream).on('line', (line) => log.push(line))
  }
  return log
}

/** Looks again and again until there is something. */
async function until<T>(look: () => Promise<T | null>, log: string[]): Promise<T> {
  const giveUp = Date.now() + READY_WITHIN_MILLIS
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > giveUp) throw new Error(`waited in vain:\n${log.join('\n')}`)
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MILLIS))
  }
}

async function isReady(url: string): Promise<true | null> {
  try {
    return (await fetch(`${url}/readyz`)).ok ? true : null
  } catch {
    return null
  }
}

/** A port that nobody listens on at this moment. */
function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
