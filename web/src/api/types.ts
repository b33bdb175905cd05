// The documents of /api/v1, by the names that the page uses for them.

export type RiskClass = 'Low' | 'Medium' | 'High'
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

export interface AlarmSummary {
  alarm_id: string
  title: string
  status: string
  tag: string
  assignee: string
  version: number
  changed_since_closed: boolean
  kingdom: string
  category: string
  created_time: number
  update_time: number
  risk: number
  risk_class: RiskClass
  src_ips: string[]
  dst_ips: string[]
  networks: string[]
  directive_id: number | null
  revision: number
  stages: number
  finished_stages: number
  findings: number
}

export interface AlarmPage {
  alarms: AlarmSummary[]
  count: { value: number; is_exact: boolean }
  next: string | null
}

export interface Facet {
  value: string | number
  alarms: number
}

export interface Facets {
  status: Facet[]
  tag: Facet[]
  assignee: Facet[]
  class: Facet[]
  risk: Facet[]
  kingdom: Facet[]
  category: Facet[]
  directive: Facet[]
  is_complete: boolean
}

/** A rule of a directive. */
export interface Rule {
  stage: number
  name: string
  type: string
  occurrence: number
  reliability: number
  timeout: number
  from: string
  to: string
  port_from: string
  port_to: string
  protocol: string
  plugin_id?: number
  plugin_sid?: number[]
  product?: string[]
  category?: string
  subcategory?: string[]
  custom_data1?: string
  custom_data2?: string
  custom_data3?: string
  sticky_different?: string
}

/** A stage of an alarm: the rule with references resolved, and how far it is. */
export interface Stage extends Rule {
  start_time?: number | null
  end_time?: number | null
  status?: string
  events: number
}

export interface Finding {
  provider: string
  term: string
  result: string
}

export interface CustomDatum {
  label: string
  content: string
}

export interface AlarmDetail extends AlarmSummary {
  rules: Stage[]
  intel_hits: Finding[]
  vulnerabilities: Finding[]
  custom_data: CustomDatum[]
  deadline: number | null
  is_over: boolean
}

export interface StageEvent {
  number: number
  event_id: string
  event: Record<string, unknown> | null
}

export interface EventPage {
  events: StageEvent[]
  next: number | null
}

export interface HistoryEntry {
  at: number
  who: string
  action: 'status' | 'tag' | 'assignee' | 'comment' | 'reopened'
  before: string
  after: string
}

export interface Target {
  alarm_id: string
  version: number | null
}

export type Outcome = 'done' | 'unchanged' | 'conflict' | 'missing'

export interface ChangeResult {
  alarm_id: string
  outcome: Outcome
  version: number | null
}

export interface Choices {
  status: string[]
  tags: string[]
}

export interface OverTime {
  resolution_secs: number
  parts: { start: number; low: number; medium: number; high: number }[]
  is_complete: boolean
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
