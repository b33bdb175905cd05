// What is asked of a webhook.
import { PasswordInput, Textarea } from '@mantine/core'
import type { Channel, ChannelRequest, WebhookFormat } from '../../api/types'
import { AuthorityField } from './authority-field'

type Stored = Channel['webhook']

/** As it stands in the form. */
export interface Webhook {
  url: string
  template: string
  /** One a line, as `Name: value`. */
  headers: string
  signingKey: string
  routingKey: string
  ca: string
}

export function emptyWebhook(stored: Stored): Webhook {
  return {
    url: '',
    template: stored?.template == null ? '' : JSON.stringify(stored.template, null, 2),
    headers: (stored?.headers ?? []).map((name) => `${name}:`).join('\n'),
    signingKey: '',
    routingKey: '',
    ca: stored?.ca ?? '',
  }
}

/** A line without a value leaves the value that the header has. */
function headersOf(text: string): { name: string; value?: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      const name = (colon < 0 ? line : line.slice(0, colon)).trim()
      const value = colon < 0 ? '' : line.slice(colon + 1).trim()
      return value === '' ? { name } : { name, value }
    })
}

/** Fails with what is wrong, if the template is no JSON. */
export function webhookOf(form: Webhook, format: WebhookFormat): NonNullable<ChannelRequest['webhook']> {
  const said = (name: string, text: string) => (text.trim() === '' ? {} : { [name]: text.trim() })
  return {
    format,
    headers: headersOf(form.headers),
    ...said('url', form.url),
    ...said('signing_key', form.signingKey),
    ...(format === 'pagerduty' ? said('routing_key', form.routingKey) : {}),
    ...(format === 'json' && form.template.trim() !== ''
      ? { template: JSON.parse(form.template) as unknown }
      : {}),
    ...said('ca', form.ca),
  }
}

interface Props {
  of: Webhook
  format: WebhookFormat
  stored: Stored
  mistake: string
  onChange: (webhook: Webhook) => void
}

export function WebhookFields({ of, format, stored, mistake, onChange }: Props) {
  const set = (change: Partial<Webhook>) => onChange({ ...of, ...change })
  const kept = 'is set; leave it empty to keep it'
  return (
    <>
      <PasswordInput
        label={format === 'pagerduty' ? 'Address (PagerDuty’s own, if empty)' : 'Address'}
        placeholder={stored == null ? 'https://…' : `${stored.server} ${kept}`}
        autoComplete="off"
        value={of.url}
        onChange={(event) => set({ url: event.currentTarget.value })}
        required={stored == null && format !== 'pagerduty'}
      />
      {format === 'pagerduty' && (
        <PasswordInput
          label="Integration key"
          placeholder={stored?.routing_key_is_set === true ? kept : ''}
          autoComplete="off"
          value={of.routingKey}
          onChange={(event) => set({ routingKey: event.currentTarget.value })}
        />
      )}
      {format === 'json' && (
        <Textarea
          label="Template (JSON; a document of our own, if empty)"
          description="{{title}}, {{risk}}, {{class}} and the like stand for the fields of the alarm."
          autosize
          minRows={3}
          maxRows={14}
          ff="monospace"
          value={of.template}
          error={mistake !== '' && mistake}
          onChange={(event) => set({ template: event.currentTarget.value })}
        />
      )}
      <Textarea
        label="Further headers"
        description="One a line, as Name: value. A name without a value keeps the value that it has."
        autosize
        minRows={1}
        value={of.headers}
        onChange={(event) => set({ headers: event.currentTarget.value })}
      />
      <PasswordInput
        label="Key to sign requests with"
        placeholder={stored?.signing_key_is_set === true ? kept : 'requests are not signed'}
        autoComplete="off"
        value={of.signingKey}
        onChange={(event) => set({ signingKey: event.currentTarget.value })}
      />
      <AuthorityField value={of.ca} onChange={(ca) => set({ ca })} />
    </>
  )
}
