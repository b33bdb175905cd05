import { describe, expect, it } from 'vitest'
import { filterQuery, isNarrow, linkToAlarms, listQuery, NO_FILTER, readList, writeList } from './filter'

const read = (text: string) => readList(new URLSearchParams(text))

describe('the list in the address', () => {
  it.each([
    '',
    'status=Open&status=In-Progress&class=High',
    'text=%3Cscript%3E+%26%3D%25&network=10.0.0.0%2F8&risk_min=3&risk_max=9',
    'assignee=&directive=1101&range=24h&sort=risk&order=asc&after=abc%3D',
    'from=1700000000&until=1700003600&sort=title',
  ])('reads what it wrote: %s', (text) => {
    const written = writeList(read(text))
    expect(writeList(read(written.toString())).toString()).toBe(written.toString())
    for (const [name, value] of new URLSearchParams(text)) expect(written.getAll(name)).toContain(value)
    expect(written.size).toBe(new URLSearchParams(text).size)
  })

  it('takes what is no value as not given', () => {
    expect(read('risk_min=x&from=-1&range=9y&sort=evil&order=sideways')).toEqual(read(''))
  })

  it('knows the filter for nobody from no filter', () => {
    expect(read('assignee=').filter.lists.assignee).toEqual([''])
    expect(read('').filter.lists.assignee).toEqual([])
  })

  it('lets a moving time win over a fixed one', () => {
    expect(writeList(read('range=1h&from=1&until=2')).toString()).toBe('range=1h')
  })
})

describe('what the server is asked', () => {
  it('begins a moving time at a full minute', () => {
    const asked = (now: number) => filterQuery(read('range=1h').filter, now).get('from')
    expect(asked(7_259)).toBe('3600')
    expect(asked(7_200)).toBe('3600')
  })

  it('has the order, the place and the length of a page', () => {
    const asked = listQuery(read('status=Open&after=c1&order=asc'), 50, 0)
    expect(asked.toString()).toBe('status=Open&sort=updated&order=asc&after=c1&limit=50')
  })

  it('is narrow only where something is left out', () => {
    expect(isNarrow(NO_FILTER)).toBe(false)
    expect(isNarrow(read('sort=risk&after=x').filter)).toBe(false)
    expect(isNarrow(read('text=a').filter)).toBe(true)
    expect(isNarrow(read('text=+').filter)).toBe(false)
  })
})

it('links figures to lists', () => {
  expect(linkToAlarms({ class: 'High', status: ['Open', 'In-Progress'], directive: 7 })).toBe(
    '#/alarms?class=High&status=Open&status=In-Progress&directive=7',
  )
})
