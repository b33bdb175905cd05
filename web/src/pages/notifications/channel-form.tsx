// One channel. Secrets are never shown again: what is left empty stays as it is.
import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core'
import { type SyntheticEvent, useState } from 'react'
import type { Channel, ChannelRequest } from '../../api/types'
import { ProblemNote } from '../../components/problem'
import { useSaveChannel } from '../../data/notifications'
import { FORMATS, MAIL } from './formats'
import { emptyMail, type Mail, MailFields, mailOf } from './mail-fields'
import { emptyWebhook, type Webhook, WebhookFields, webhookOf } from './webhook-fields'

interface Props {
  channel?: Channel
  onDone: () => void
}

export function ChannelForm({ channel, onDone }: Props) {
  const [name, setName] = useState(channel?.name ?? '')
  const [kind, setKind] = useState<string>(
    channel?.mail == null ? (channel?.webhook?.format ?? 'slack') : MAIL,
  )
  const [webhook, setWebhook] = useState<Webhook>(() => emptyWebhook(channel?.webhook))
  const [mail, setMail] = useState<Mail>(() => emptyMail(channel?.mail))
  const save = useSaveChannel()
  const format = FORMATS.find(({ value }) => value === kind)?.value
  const [mistake, setMistake] = useState('')

  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    try {
      const document: ChannelRequest =
        format === undefined ? { name, mail: mailOf(mail) } : { name, webhook: webhookOf(webhook, format) }
      setMistake('')
      save.mutate({ id: channel?.id ?? null, document }, { onSuccess: onDone })
    } catch (error) {
      setMistake(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Group grow align="start">
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            data-autofocus
          />
          <NativeSelect
            label="Kind"
            data={[...FORMATS, { value: MAIL, label: 'Mail' }]}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
        </Group>
        {format === undefined ? (
          <MailFields of={mail} hasPassword={channel?.mail?.password_is_set === true} onChange={setMail} />
        ) : (
          <WebhookFields
            of={webhook}
            format={format}
            stored={channel?.webhook}
            onChange={setWebhook}
            mistake={mistake}
          />
        )}
        {save.isError && <ProblemNote error={save.error} />}
        <Group justify="end">
          <Button type="submit" loading={save.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
