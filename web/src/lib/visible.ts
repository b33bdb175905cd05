// Texts of alarms and events come from whoever attacks. Characters that one does not see but that change what one reads
// (control characters, those that turn the direction of writing, those without width) are told apart from the rest here,
// so that they can be shown as what they are.

export interface Piece {
  text: string
  /** An escape that stands for a character that would not be seen. */
  isEscape: boolean
}

// C0 and C1 controls, Arabic letter mark, widthless characters, marks and overrides of direction, separators of lines and
// paragraphs, invisible operators, the byte order mark, interlinear notes, half of a pair, tags.
const HIDDEN =
  // eslint-disable-next-line no-control-regex, no-misleading-character-class -- these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e007f}]/gu

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return (
    SHORT[character] ??
    (code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`)
  )
}

/** The text in pieces, each either as it is or an escape. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const hit of text.matchAll(HIDDEN)) {
    if (hit.index > end) found.push({ text: text.slice(end, hit.index), isEscape: false })
    found.push({ text: escapeOf(hit[0]), isEscape: true })
    end = hit.index + hit[0].length
  }
  if (end < text.length) found.push({ text: text.slice(end), isEscape: false })
  return found
}

/** The text with escapes in it, for where there is only text: titles of windows, labels. */
export function visible(text: string): string {
  return text.replace(HIDDEN, escapeOf)
}

/** At most this many characters of a text, without cutting one in half. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  const short = text.slice(0, limit)
  const last = short.charCodeAt(short.length - 1)
  return last >= 0xd800 && last < 0xdc00 ? short.slice(0, -1) : short
}
