// Where in the page one is: everything behind the `#`, as a path and a query. Hash addresses are what dashboards of existing
// installations link to, and they need nothing of the server.

export interface Place {
  path: string
  query: URLSearchParams
}

/** Reads what is behind the `#`. */
export function placeOf(hash: string): Place {
  const text = hash.replace(/^#/, '')
  const cut = text.indexOf('?')
  const path = cut < 0 ? text : text.slice(0, cut)
  return {
    path: path.startsWith('/') ? path : `/${path}`,
    query: new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1)),
  }
}

/** The address of a place, for links. */
export function href(path: string, query?: URLSearchParams | Record<string, string>): string {
  const text = query === undefined ? '' : new URLSearchParams(query).toString()
  return `#${path}${text === '' ? '' : `?${text}`}`
}

/** A part of a path that somebody else chose. */
export function part(text: string | number): string {
  return encodeURIComponent(String(text))
}

/** Goes there; with `replace`, the place one comes from is not kept for the Back button. */
export function go(to: string, replace = false): void {
  if (replace) {
    window.history.replaceState(null, '', to)
    window.dispatchEvent(new HashChangeEvent('hashchange'))
  } else {
    window.location.hash = to
  }
}

/** The values of `:names` in a pattern such as `/alarms/:id`, or null where the path is another one. */
export function matched(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.replace(/\/+$/, '').split('/')
  if (path === '/') given.push('')
  if (wanted.length !== given.length) return null
  const values: Record<string, string> = {}
  for (const [index, piece] of wanted.entries()) {
    const found = given[index] ?? ''
    if (piece.startsWith(':')) values[piece.slice(1)] = decoded(found)
    else if (piece !== found) return null
  }
  return values
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
