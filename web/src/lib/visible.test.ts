import { describe, expect, it } from 'vitest'
import { cut, pieces, visible } from './visible'

describe('characters that are not seen', () => {
  it.each([
    ['invoice\u202egnp.exe', 'invoice\\u202egnp.exe'],
    ['\u2066a\u2069', '\\u2066a\\u2069'],
    ['a\u0000b\u001b[31m\u007f\u0085', 'a\\0b\\u001b[31m\\u007f\\u0085'],
    ['two\nlines\tand\r', 'two\\nlines\\tand\\r'],
    ['a\u200bb\ufeff\u00ad', 'a\\u200bb\\ufeff\\u00ad'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['half \ud83d of a pair', 'half \\ud83d of a pair'],
  ])('are shown as escapes: %j', (text, shown) => {
    expect(visible(text)).toBe(shown)
  })

  it.each(['plain', '<script>alert(1)</script>', 'żółć 日本語 العربية', '👩‍💻 🏳️‍🌈', ''])(
    'leaves alone what is seen: %s',
    (text) => {
      expect(visible(text)).toBe(text)
      expect(pieces(text).every(({ isEscape }) => !isEscape)).toBe(true)
    },
  )

  it('are told apart from the rest', () => {
    expect(pieces('a\u202eb')).toEqual([
      { text: 'a', isEscape: false },
      { text: '\\u202e', isEscape: true },
      { text: 'b', isEscape: false },
    ])
  })
})

describe('cutting', () => {
  it('keeps what is short', () => expect(cut('abc', 3)).toBe('abc'))
  it('cuts what is long', () => expect(cut('abcd', 3)).toBe('abc'))
  it('cuts no character in half', () => expect(cut('ab👍', 3)).toBe('ab'))
})
