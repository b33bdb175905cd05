// Doing something with alarms: asks what exactly, does it, and shows which alarms somebody else has changed meanwhile. The list
// and the page of one alarm do it in the same way.
import { notifications } from '@mantine/notifications'
import { type ReactNode, useState } from 'react'
import { type Deed, type Order, useHandle } from '../../data/alarms'
import { many } from '../../lib/number'
import { Conflicts } from './conflicts'
import { DeedDialog } from './deed-dialog'
import { inWords } from './words'

export type Alarms = Order['alarms']

interface Asked {
  kind: Deed['kind']
  /** As they were when it was asked: whatever happens to them meanwhile is a conflict. */
  alarms: Alarms
}

interface Handling {
  /** Asks what is to be done with the alarms. */
  ask: (kind: Deed['kind'], alarms: Alarms) => void
  /** Does it. */
  act: (deed: Deed, alarms: Alarms) => void
  /** The dialogs; they have to be drawn somewhere. */
  dialogs: ReactNode
}

export function useHandling(onDone?: (deed: Deed) => void): Handling {
  const [asked, setAsked] = useState<Asked | null>(null)
  const [conflict, setConflict] = useState<Order | null>(null)
  const handle = useHandle()

  const carryOut = (order: Order) => {
    handle.mutate(order, {
      onSuccess: (results) => {
        setAsked(null)
        const conflicting = new Set(
          results.filter(({ outcome }) => outcome === 'conflict').map((one) => one.alarm_id),
        )
        setConflict(
          conflicting.size === 0
            ? null
            : { ...order, alarms: order.alarms.filter((one) => conflicting.has(one.alarm_id)) },
        )
        const missing = results.filter(({ outcome }) => outcome === 'missing').length
        const done = results.length - conflicting.size - missing
        if (done > 0) notifications.show({ message: `${many(done, 'alarm')}: ${inWords(order.deed)}` })
        if (missing > 0) {
          notifications.show({
            color: 'yellow',
            message: `${many(missing, 'alarm')} had been deleted meanwhile`,
          })
        }
        if (conflicting.size === 0) onDone?.(order.deed)
      },
    })
  }

  const dialogs = (
    <>
      {asked !== null && (
        <DeedDialog
          key={asked.kind}
          kind={asked.kind}
          alarms={asked.alarms}
          isBusy={handle.isPending}
          error={handle.error}
          onChosen={(deed) => carryOut({ deed, alarms: asked.alarms })}
          onClose={() => {
            handle.reset()
            setAsked(null)
          }}
        />
      )}
      {conflict !== null && (
        <Conflicts
          order={conflict}
          isBusy={handle.isPending}
          onEven={() => carryOut({ ...conflict, even: true })}
          onClose={() => setConflict(null)}
        />
      )}
    </>
  )
  return {
    ask: (kind, alarms) => {
      if (alarms.length > 0) setAsked({ kind, alarms })
    },
    act: (deed, alarms) => carryOut({ deed, alarms }),
    dialogs,
  }
}
