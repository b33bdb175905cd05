// What is done with alarms, in words.
import type { Deed } from '../../data/alarms'
import { cut, visible } from '../../lib/visible'

const short = (text: string) => cut(visible(text), 60)

export function inWords(deed: Deed): string {
  switch (deed.kind) {
    case 'status':
      return `status set to ${short(deed.status)}`
    case 'tag':
      return `tag set to ${short(deed.tag)}`
    case 'assignee':
      return deed.assignee === '' ? 'assigned to nobody' : `assigned to ${short(deed.assignee)}`
    case 'comment':
      return 'comment added'
    case 'delete':
      return 'deleted'
  }
}

export const QUESTIONS: Record<Deed['kind'], string> = {
  status: 'Set status',
  tag: 'Set tag',
  assignee: 'Assign',
  comment: 'Comment',
  delete: 'Delete',
}
