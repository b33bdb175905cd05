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

export type WebhookFormat = Schemas['WebhookFormat']
/** Where something is told, without its secrets. */
export type Channel = Schemas['ChannelDocument']
/** As somebody writes it. Of secrets, what is missing stays, and an empty text takes one away. */
export type ChannelRequest = Schemas['ChannelRequest']
export type Day = Schemas['QuietDay']
export type QuietHours = Schemas['QuietHours']
/** What may be left out when a rule is written is always there when it is read, and in the form. */
interface WholeRule {
  condition: Required<Schemas['NotificationCondition']>
  enabled: boolean
  max_per_hour: number
}
export type RuleRequest = Omit<Schemas['NotificationRule'], keyof WholeRule> & WholeRule
export type NotificationRule = Omit<Schemas['NotificationRuleDocument'], keyof WholeRule> & WholeRule
export type Delivery = Schemas['Delivery']
