// Which page an address names. Each is loaded when it is gone to for the first time.
import { type ComponentType, lazy, type LazyExoticComponent } from 'react'
import { matched } from './place'

export interface PageProps {
  /** What the address says in the places of names. */
  values: Record<string, string>
}

type PageComponent = LazyExoticComponent<ComponentType<PageProps>>

const alarm = lazy(() => import('../pages/alarm/alarm'))
const configuration = lazy(() => import('../pages/configuration/configuration'))

const PAGES: [string, PageComponent][] = [
  ['/', lazy(() => import('../pages/overview/overview'))],
  ['/alarms', lazy(() => import('../pages/alarms/alarms'))],
  ['/alarms/:id', alarm],
  // What dashboards of existing installations link to.
  ['/data/alarm-detail/:id', alarm],
  ['/directives', lazy(() => import('../pages/directives/directives'))],
  ['/directives/:id', lazy(() => import('../pages/directive/directive'))],
  ['/configuration', configuration],
  ['/configuration/:name', configuration],
  ['/notifications', lazy(() => import('../pages/notifications/notifications'))],
  ['/system', lazy(() => import('../pages/system/system'))],
  ['/users', lazy(() => import('../pages/accounts/users'))],
  ['/tokens', lazy(() => import('../pages/accounts/tokens'))],
  ['/audit', lazy(() => import('../pages/accounts/audit'))],
]

const nowhere = lazy(() => import('../pages/nowhere'))

export interface Found {
  component: PageComponent
  values: Record<string, string>
  /** Is another one where another page is. */
  key: string
}

export function pageAt(path: string): Found {
  for (const [pattern, component] of PAGES) {
    const values = matched(pattern, path)
    if (values !== null) return { component, values, key: pattern + JSON.stringify(values) }
  }
  return { component: nowhere, values: {}, key: path }
}
