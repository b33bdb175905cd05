// Times as people read them. The server's times are seconds since 1970; what is shown is in the time zone of the browser.

export const MINUTE = 60
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const two = (value: number) => String(value).padStart(2, '0')

/** `2026-11-22 09:05:03`: sorts as it reads, and is the same in every language. */
export function absolute(secs: number): string {
  const date = new Date(secs * 1000)
  if (Number.isNaN(date.getTime())) return String(secs)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** `3 min ago`, `in 2 h`: one unit, rounded down. */
export function relative(secs: number, now: number): string {
  const distance = Math.abs(now - secs)
  if (distance < 5) return 'now'
  const text = oneUnit(distance)
  return secs > now ? `in ${text}` : `${text} ago`
}

function oneUnit(secs: number): string {
  if (secs < MINUTE) return `${Math.floor(secs)} s`
  if (secs < HOUR) return `${Math.floor(secs / MINUTE)} min`
  if (secs < DAY) return `${Math.floor(secs / HOUR)} h`
  return `${Math.floor(secs / DAY)} d`
}

/** `1 h 5 min`: the two largest units that say something. */
export function duration(secs: number): string {
  const units: [string, number][] = [
    ['d', DAY],
    ['h', HOUR],
    ['min', MINUTE],
    ['s', 1],
  ]
  let rest = Math.max(0, Math.round(secs))
  const first = units.findIndex(([, size]) => rest >= size)
  if (first < 0) return '0 s'
  const parts: string[] = []
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${name}`)
  }
  return parts.join(' ')
}

/** What an `<input type="datetime-local">` shows for a time. */
export function toLocalInput(secs: number | null): string {
  return secs === null ? '' : absolute(secs).slice(0, 16).replace(' ', 'T')
}

/** The time that was put into an `<input type="datetime-local">`, if it is one. */
export function fromLocalInput(text: string): number | null {
  const millis = new Date(text).getTime()
  return Number.isNaN(millis) ? null : Math.floor(millis / 1000)
}
