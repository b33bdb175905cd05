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

/** What is shown as it comes: names with values, some of them with parts of their own. */
export type Figures = Record<string, unknown>

export interface SystemState {
  version: string
  uptime_secs: number
  frontend: Figures
  backends: Figures[]
  bus: Figures
  ledger: Figures
  conditions: { name: string; ok: boolean; detail: string }[]
}

export interface EngineFigures {
  events_per_second: number
  open_backlogs: number
}

/** An attempt at completing a directive that is under way. */
export interface Backlog {
  alarm_id: string
  stage: number
  events: number
  needed: number
  deadline?: number | null
  src_ips: string[]
  dst_ips: string[]
}
