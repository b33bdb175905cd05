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
export type Role = Schemas['Role']
export type Session = Schemas['Session']
export type LoginOptions = Schemas['LoginOptions']
export type View = Schemas['View']
export type User = Schemas['User']
export type Token = Schemas['Token']
export type AuditPage = Schemas['AuditPage']
export type AuditEntry = Schemas['AuditEntry']
/** An attempt at completing a directive that is under way. */
export type Backlog = Schemas['OpenBacklog']
export type Backlogs = Schemas['OpenBacklogs']
export type SystemState = Schemas['System']
/** A process. */
export type Node = Schemas['Node']
export type Rate = Schemas['NodeRate']
export type Book = Schemas['NodeBook']
export type Condition = Schemas['NodeCondition']
export type EngineFigures = Schemas['EngineFigures']

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
