// The documents of /api/v1, by the names that the page uses for them. They come from the server's own description of itself
// (`npm run types`), so that code and page cannot drift apart.
import type { components } from './schema'

type Schemas = components['schemas']

export type RiskClass = Schemas['Class']
export type AlarmSummary = Schemas['AlarmSummary']
export type AlarmPage = Schemas['AlarmPage']
export type AlarmDetail = Schemas['AlarmDetail'] & { deadline?: number | null; is_over?: boolean }
export type Facets = Schemas['Facets']
export type Facet = Facets['status'][number] | Facets['directive'][number]
export type Stage = Schemas['StageDetail']
/** A rule of a directive. */
export type Rule = Schemas['Stage']
export type Finding = Schemas['Finding']
export type StageEvent = Schemas['StoredEvent']
export type EventPage = Schemas['EventPage']
export type HistoryEntry = Schemas['HistoryEntry']
export type Target = Schemas['Target']
export type ChangeResult = Schemas['TargetResult']
export type Choices = Schemas['ChoicesDocument']
export type OverTime = Schemas['OverTime']
export type AlarmChanges = Schemas['AlarmChanges']
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

export interface Problem {
  severity: 'error' | 'warning'
  entry?: string | null
  stage?: number | null
  field?: string | null
  message: string
}

export interface DirectiveSummary {
  id: number
  name: string
  kingdom: string
  category: string
  priority: number
  stages: number
  file: string
  disabled: boolean
  problems: number
  open_alarms: number
  open_backlogs: number | null
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

/** Why an alarm is as it is. */
export interface Explanation {
  stages: ExplainedStage[]
  missing: string | null
  until: number | null
}

export interface ExplainedStage {
  stage: number
  rule: string
  state: string
  matched: { field: string; wanted: string; found: string }[]
  text: string
}

export interface Backlog {
  id: string
  stage: number
  events: number
  occurrence: number
  deadline: number | null
  src_ips: string[]
  dst_ips: string[]
}

export interface DirectiveDetail extends DirectiveSummary {
  rules: Rule[]
  problem_list: Problem[]
  backlogs: Backlog[]
  last_alarms: AlarmSummary[]
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

export interface ConfigFile {
  name: string
  kind: string
  problems: number
}
