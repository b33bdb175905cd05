// Where one can go. What a role must not see is not offered to it; the server refuses it all the same.
import {
  IconBell,
  IconBinaryTree2,
  IconChartBar,
  IconFileCode,
  IconHistory,
  IconKey,
  IconList,
  IconServer,
  IconUsers,
  type Icon,
} from '@tabler/icons-react'
import type { Role } from '../../api/types'
import { useMay } from '../../data/session'
import { usePlace } from '../../routing/use-place'
import classes from './shell.module.css'

interface Item {
  to: string
  name: string
  icon: Icon
  role?: Role
}

const GROUPS: { heading: string; items: Item[] }[] = [
  {
    heading: 'Watch',
    items: [
      { to: '/', name: 'Overview', icon: IconChartBar },
      { to: '/alarms', name: 'Alarms', icon: IconList },
    ],
  },
  {
    heading: 'Detect',
    items: [
      { to: '/directives', name: 'Directives', icon: IconBinaryTree2 },
      { to: '/configuration', name: 'Configuration', icon: IconFileCode, role: 'admin' },
      { to: '/notifications', name: 'Notifications', icon: IconBell, role: 'admin' },
    ],
  },
  {
    heading: 'Run',
    items: [
      { to: '/system', name: 'System', icon: IconServer },
      { to: '/users', name: 'Users', icon: IconUsers, role: 'admin' },
      { to: '/tokens', name: 'Tokens', icon: IconKey },
      { to: '/audit', name: 'Audit', icon: IconHistory, role: 'admin' },
    ],
  },
]

function isAt(path: string, to: string): boolean {
  return to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`)
}

export function Navigation({ onGo }: { onGo: () => void }) {
  const { path } = usePlace()
  const isAdmin = useMay('admin')
  return (
    <div>
      {GROUPS.map(({ heading, items }) => (
        <div key={heading}>
          <p className={classes.heading}>{heading}</p>
          {items
            .filter(({ role }) => role === undefined || isAdmin)
            .map(({ to, name, icon: Icon }) => (
              <a
                key={to}
                href={`#${to}`}
                className={classes.link}
                aria-current={isAt(path, to) ? 'page' : undefined}
                onClick={onGo}
              >
                <Icon size={16} stroke={1.7} aria-hidden />
                {name}
              </a>
            ))}
        </div>
      ))}
    </div>
  )
}
