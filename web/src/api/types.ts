// The documents of /api/v1, by the names that the page uses for them. They come from the server's own description of itself
// (`npm run types`), so that code and page cannot drift apart.
import type { components } from './schema'

type Schemas = components['schemas']

export type RiskClass = Schemas['Class']
export type AlarmSummary = Schemas['AlarmSummary']
export type AlarmPage = Schemas['AlarmPage']
export type AlarmDetail = Schemas['AlarmDetail']
export type Facets = Schemas['Facets']
export type Facet = Facets['status'][number] | Facets['directive'][number]
export type Stage = Schemas['StageDetail']
/** A rule of a directive. */
export type Rule = Schemas['Stage']
export type Finding = Schemas['Finding']
/** What is in an event, its sender says. */
export type StageEvent = Omit<Schemas['StoredEvent'], 'event'> & { event?: Record<string, unknown> | null }
export type EventPage = Omit<Schemas['EventPage'], 'events'> & { events: StageEvent[] }
export type HistoryEntry = Schemas['HistoryEntry']
export type Target = Schemas['Target']
export type ChangeResult = Schemas['TargetResult']
export type Choices = Schemas['ChoicesDocument']
export type OverTime = Schemas['OverTime']
export type AlarmChanges = Schemas['AlarmChanges']
export type Explanation = Schemas['Explanation']
export type StageExplanation = Schemas['StageExplanation']
export type Problem = Schemas['FileProblem']
export type DirectivePage = Schemas['DirectivePage']
export type DirectiveSummary = Schemas['DirectiveSummary']
/** Rules are as they stand in files: what may be left out may be missing. */
export type DirectiveDetail = Omit<Schemas['DirectiveDetail'], 'rules'> & { rules: Partial<Rule>[] }
export type ConfigFile = Schemas['ListedFile']
export type FileList = Schemas['FileList']
export type Role = 'viewer' | 'analyst' | 'admin'

export interface Session {
  user: { name: string; role: Role }
  csrf_token: string
}

export interface LoginOptions {
  set_up_needed: boolean
  password: boolean
  oidc: { label: string } | null
  auth: 'on' | 'off' | 'header'
}

export interface View {
  name: string
  query: string
}

export interface User {
  name: string
  role: Role
  disabled: boolean
}

export interface Token {
  id: string
  name: string
  role: Role
  created: number
  expires: number | null
  last_used: number | null
  owner: string
}

export interface AuditEntry {
  number: number
  at: number
  who: string
  action: string
  object: string
  detail: string
}

/** An attempt at completing a directive that is under way. */
export interface Backlog {
  node: string
  alarm_id: string
  /** Whether there is an alarm yet. */
  is_alarm: boolean
  risk: number
  stage: number
  stages: number
  events: number
  needed: number
  since: number
  deadline: number
  src_ips: string[]
  dst_ips: string[]
}

export interface Backlogs {
  /** How many are open. */
  open: number
  /** Whether every backend has said all of it. */
  is_complete: boolean
  backlogs: Backlog[]
}

export interface Rate {
  now: number
  minute: number
}

export interface Condition {
  node: string
  name: string
  ok: boolean
  state: 'unmet' | 'degraded' | 'met'
  detail: string
}

export interface Book {
  name: string
  incoming: number
  outgoing: { name: string; count: number }[]
  in_flight: number
  balanced: boolean
}

/** A process. */
export interface Node {
  node: string
  run: string
  kind: 'frontend' | 'backend' | 'one_process' | 'unknown'
  is_this: boolean
  state: 'alive' | 'standing_by' | 'silent'
  silent_secs: number
  version: string
  started: number
  uptime_secs: number
  ready: boolean
  events_accepted?: Rate | null
  events_received?: Rate | null
  alarms_raised?: Rate | null
  queues: { name: string; waiting: number; limit?: number | null }[]
  open_backlogs?: number | null
  max_backlogs?: number | null
  directives?: { loaded: number; active: number; skipped: number } | null
  memory_bytes?: number | null
  books: Book[]
  conditions: Condition[]
}

export interface SystemState {
  version: string
  uptime_secs: number
  nodes: Node[]
  bus: {
    kind: 'memory' | 'event_log' | 'nats'
    connected: boolean
    durable: boolean
    detail?: string | null
    kept?: {
      bytes: number
      max_bytes?: number | null
      events?: number | null
      max_age_secs?: number | null
    } | null
    readers: { node: string; done: number; waiting: number; silent_secs: number; holds: boolean }[]
  }
  ledger: { balanced: boolean; off: { node: string; book: string }[] }
  conditions: Condition[]
}

export interface EngineFigures {
  events_per_second: number
  events_handled_per_second: number
  alarms_per_minute: number
  open_backlogs: number
  step_secs: number
  points: {
    at: number
    events_per_second: number
    events_handled_per_second: number
    alarms_per_minute: number
    open_backlogs: number
  }[]
}

export type WebhookFormat = 'json' | 'slack' | 'teams' | 'pagerduty'

/** Where something is told, without its secrets. */
export interface Channel {
  id: number
  name: string
  webhook?: {
    server: string
    format: WebhookFormat
    template?: unknown
    headers: string[]
    signing_key_is_set: boolean
    routing_key_is_set: boolean
    ca?: string | null
  } | null
  mail?: {
    host: string
    port: number
    tls: 'starttls' | 'tls' | 'none'
    user?: string | null
    password_is_set: boolean
    from: string
    to: string[]
    ca?: string | null
  } | null
}

/** As somebody writes it. Of secrets, what is missing stays, and an empty text takes one away. */
export interface ChannelRequest {
  name: string
  webhook?: {
    url?: string
    format: WebhookFormat
    template?: unknown
    headers?: { name: string; value?: string }[]
    signing_key?: string
    routing_key?: string
    ca?: string | null
  }
  mail?: {
    host: string
    port?: number
    tls: 'starttls' | 'tls' | 'none'
    user?: string | null
    password?: string
    from: string
    to: string[]
    ca?: string | null
  }
}

export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

export interface QuietHours {
  times: { days: Day[]; from: string; until: string }[]
  time_zone: string
  meanwhile: 'summary' | 'drop'
  high_breaks_through: boolean
}

export interface RuleRequest {
  name: string
  enabled: boolean
  condition: {
    class: RiskClass[]
    directive: number[]
    tag: string[]
    status: string[]
    kingdom: string[]
    category: string[]
    network: string[]
    title: string[]
  }
  when: 'first' | 'every_escalation'
  channels: number[]
  quiet_hours?: QuietHours | null
  max_per_hour: number
}

export interface NotificationRule extends RuleRequest {
  id: number
}

export interface Delivery {
  id: number
  channel?: number | null
  channel_name: string
  rule: string
  alarm_id?: string | null
  subject: string
  state: 'waiting' | 'sending' | 'sent' | 'dead'
  tries: number
  created: number
  next_try?: number | null
  finished?: number | null
  error: string
}
