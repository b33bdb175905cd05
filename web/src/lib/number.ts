// Numbers as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export const count = (value: number): string => whole.format(value)
export const compact = (value: number): string => (value < 10_000 ? whole.format(value) : short.format(value))

/** `1 alarm`, `2 alarms`. */
export function many(value: number, one: string, several = `${one}s`): string {
  return `${whole.format(value)} ${value === 1 ? one : several}`
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `3.4 MiB`. */
export function bytes(value: number): string {
  let size = value
  let unit = 0
  while (size >= 1024 && unit < SIZES.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${SIZES[unit] ?? ''}`
}
