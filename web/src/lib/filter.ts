// Which alarms are looked at. The address of the page says it, so that a list can be sent to a colleague, kept as a view and
// gone back to; this is what turns the address into a filter and back, and into what the server is asked.
import { DAY, HOUR, MINUTE } from './time'

/** Parts of which several values can be chosen, by the names that the API has for them. */
export const LISTS = ['status', 'tag', 'assignee', 'class', 'kingdom', 'category', 'directive'] as const
export type ListName = (typeof LISTS)[number]

/** Times that move along, in seconds back from now. */
export const RANGES: Record<string, number> = { '1h': HOUR, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY }

export const SORTS = ['created', 'updated', 'risk', 'title'] as const
export type Sort = (typeof SORTS)[number]

export interface AlarmFilter {
  lists: Record<ListName, string[]>
  text: string
  /** An address or a network. */
  network: string
  riskMin: number | null
  riskMax: number | null
  /** One of `RANGES`, or nothing. It comes before `from` and `until`. */
  range: string
  /** In seconds since 1970. */
  from: number | null
  until: number | null
}

export interface ListState {
  filter: AlarmFilter
  sort: Sort
  descending: boolean
  /** Where the page of the list begins. */
  after: string
}

export const NO_FILTER: AlarmFilter = {
  lists: { status: [], tag: [], assignee: [], class: [], kingdom: [], category: [], directive: [] },
  text: '',
  network: '',
  riskMin: null,
  riskMax: null,
  range: '',
  from: null,
  until: null,
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null
}

/** Reads a query of the page. What it does not know, it leaves alone; what is no value, it takes as not given. */
export function readList(query: URLSearchParams): ListState {
  const range = query.get('range') ?? ''
  const sort = SORTS.find((name) => name === query.get('sort')) ?? 'updated'
  return {
    filter: {
      lists: Object.fromEntries(LISTS.map((name) => [name, query.getAll(name)])) as Record<
        ListName,
        string[]
      >,
      text: query.get('text') ?? '',
      network: query.get('network') ?? '',
      riskMin: numberOf(query.get('risk_min')),
      riskMax: numberOf(query.get('risk_max')),
      range: range in RANGES ? range : '',
      from: numberOf(query.get('from')),
      until: numberOf(query.get('until')),
    },
    sort,
    descending: query.get('order') !== 'asc',
    after: query.get('after') ?? '',
  }
}

function putFilter(params: URLSearchParams, filter: AlarmFilter): void {
  for (const name of LISTS) for (const value of filter.lists[name]) params.append(name, value)
  const put = (name: string, value: string | number | null) => {
    if (value !== null && value !== '') params.set(name, String(value))
  }
  put('text', filter.text.trim())
  put('network', filter.network.trim())
  put('risk_min', filter.riskMin)
  put('risk_max', filter.riskMax)
}

/** The query of the page for a list. What is as it is by default is left out. */
export function writeList(list: ListState): URLSearchParams {
  const params = new URLSearchParams()
  putFilter(params, list.filter)
  const { range, from, until } = list.filter
  if (range !== '') params.set('range', range)
  else {
    if (from !== null) params.set('from', String(from))
    if (until !== null) params.set('until', String(until))
  }
  if (list.sort !== 'updated') params.set('sort', list.sort)
  if (!list.descending) params.set('order', 'asc')
  if (list.after !== '') params.set('after', list.after)
  return params
}

/** What the server is asked for a filter. A moving time begins at a full minute, so that the same question is asked for one. */
export function filterQuery(filter: AlarmFilter, now: number): URLSearchParams {
  const params = new URLSearchParams()
  putFilter(params, filter)
  const span = RANGES[filter.range]
  const from = span === undefined ? filter.from : Math.floor(now / MINUTE) * MINUTE - span
  if (from !== null) params.set('from', String(from))
  if (span === undefined && filter.until !== null) params.set('until', String(filter.until))
  return params
}

/** What the server is asked for a page of a list. */
export function listQuery(list: ListState, limit: number, now: number): URLSearchParams {
  const params = filterQuery(list.filter, now)
  params.set('sort', list.sort)
  params.set('order', list.descending ? 'desc' : 'asc')
  if (list.after !== '') params.set('after', list.after)
  params.set('limit', String(limit))
  return params
}

/** Whether it leaves out anything. */
export function isNarrow(filter: AlarmFilter): boolean {
  return filterQuery(filter, 0).size > 0
}

/** The link to a list of alarms, for figures: a few parts of a filter and nothing else. */
export function linkToAlarms(parts: Record<string, string | number | readonly string[]>): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(parts)) {
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [String(value)])
      params.append(name, one)
  }
  return `#/alarms?${params}`
}
