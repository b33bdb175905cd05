import { describe, expect, it } from 'vitest'
import { href, matched, part, placeOf } from './place'

describe('the place in the address', () => {
  it.each([
    ['', '/', ''],
    ['#/', '/', ''],
    ['#/alarms?status=Open&text=a%3Fb', '/alarms', 'status=Open&text=a%3Fb'],
    ['#alarms', '/alarms', ''],
  ])('of %j is %s', (hash, path, query) => {
    const place = placeOf(hash)
    expect([place.path, place.query.toString()]).toEqual([path, query])
  })

  it('is what the link was made of', () => {
    const id = 'a/b?c#d%e&\u202e'
    const place = placeOf(href(`/alarms/${part(id)}`, { tab: 'events' }))
    expect(matched('/alarms/:id', place.path)).toEqual({ id })
    expect(place.query.get('tab')).toBe('events')
  })
})

describe('patterns', () => {
  it('match whole paths', () => {
    expect(matched('/alarms', '/alarms')).toEqual({})
    expect(matched('/alarms', '/alarms/')).toEqual({})
    expect(matched('/alarms', '/alarms/x')).toBeNull()
    expect(matched('/', '/')).toEqual({})
    expect(matched('/', '/x')).toBeNull()
    expect(matched('/data/alarm-detail/:id', '/data/alarm-detail/abc')).toEqual({ id: 'abc' })
  })

  it('take what is badly encoded as it is', () =>
    expect(matched('/alarms/:id', '/alarms/%zz')).toEqual({ id: '%zz' }))
})
