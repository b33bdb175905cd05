// A dsiem of its own for the tests of a file: the real program in a temporary home folder, on a port of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const top = resolve(import.meta.dirname, '../..')
const program =
  process.env['DSIEM'] ?? join(process.env['CARGO_TARGET_DIR'] ?? join(top, 'target'), 'debug/dsiem')
const READY_WITHIN_MILLIS = 60_000

export const PASSWORD = 'correct horse battery'

interface Event {
  [field: string]: unknown
}

export class Dsiem {
  private constructor(
    private readonly process: ChildProcess,
    private readonly home: string,
    readonly url: string,
    /** What it has logged so far. */
    readonly log: string[],
  ) {}

  /** Starts one. Without a password for the administrator, it logs a link for the first user. */
  static async start({ password = PASSWORD as string | null } = {}): Promise<Dsiem> {
    const home = mkdtempSync(join(tmpdir(), 'dsiem-page-'))
    mkdirSync(join(home, 'configs'))
    copyConfigs(home)
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
    return new Dsiem(started, home, url, log)
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

  async post(events: Event[]): Promise<void> {
    const response = await fetch(`${this.url}/events`, { method: 'POST', body: JSON.stringify(events) })
    if (!response.ok) throw new Error(await response.text())
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done))
    this.process.kill('SIGTERM')
    await ended
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** The samples, and a directive that raises an alarm at the first event, whatever its title. */
function copyConfigs(home: string): void {
  const copy = (folder: string, beginning: string) => {
    for (const file of readdirSync(join(top, folder))) {
      if (file.startsWith(beginning)) cpSync(join(top, folder, file), join(home, 'configs', file))
    }
  }
  copy('configs', 'assets_')
  copy('directives', 'directives_')
  cpSync(join(import.meta.dirname, 'directives_page.json'), join(home, 'configs/directives_page.json'))
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
