// What a channel can be.
import type { WebhookFormat } from '../../api/types'

export const FORMATS: { value: WebhookFormat; label: string }[] = [
  { value: 'slack', label: 'Slack' },
  { value: 'teams', label: 'Microsoft Teams' },
  { value: 'pagerduty', label: 'PagerDuty' },
  { value: 'json', label: 'Webhook (JSON)' },
]

export const MAIL = 'mail'
