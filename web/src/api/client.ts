// The one place that talks to the server: JSON both ways, the token against forged requests, and errors as something that
// can be shown to a person.

const BASE = '/api/v1'

/** What the server says when it does not do what it was asked (RFC 9457). */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail === '' ? title : `${title}: ${detail}`)
  }
}

type Query = URLSearchParams | Record<string, string | number | null | undefined>
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

interface Request {
  query?: Query
  /** Is sent as JSON. */
  body?: unknown
  /** Is sent as it is. */
  text?: string
  headers?: Record<string, string>
}

let csrfToken = ''
let onSessionLost = (): void => undefined

/** From here on, changes carry this token. */
export function setCsrfToken(token: string): void {
  csrfToken = token
}

/** Calls this when the server no longer knows the session. */
export function whenSessionIsLost(callback: () => void): void {
  onSessionLost = callback
}

/** The address of something below the API. */
export function address(path: string, query?: Query): string {
  const text = query === undefined ? '' : asParams(query).toString()
  return BASE + path + (text === '' ? '' : `?${text}`)
}

function asParams(query: Query): URLSearchParams {
  if (query instanceof URLSearchParams) return query
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) params.set(name, String(value))
  }
  return params
}

/** Asks the server; fails with a `ProblemError` unless it says yes. */
export async function ask(method: Method, path: string, request: Request = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json', ...request.headers }
  if (method !== 'GET' && csrfToken !== '') headers['x-csrf-token'] = csrfToken
  if (request.body !== undefined) headers['content-type'] = 'application/json'
  const body = request.body === undefined ? request.text : JSON.stringify(request.body)
  let response: Response
  try {
    response = await fetch(address(path, request.query), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })
  } catch {
    throw new ProblemError(
      0,
      'The server does not answer',
      'It is tried again; if it stays away, look whether dsiem runs.',
    )
  }
  if (response.ok) return response
  if (response.status === 401 && path !== '/session') onSessionLost()
  throw await problemOf(response)
}

async function problemOf(response: Response): Promise<ProblemError> {
  const fallback = response.statusText === '' ? `Status ${response.status}` : response.statusText
  try {
    const said: unknown = await response.json()
    if (typeof said === 'object' && said !== null) {
      const fields = said as Record<string, unknown>
      const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
      return new ProblemError(response.status, text('title') || text('error') || fallback, text('detail'))
    }
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  return new ProblemError(response.status, fallback, '')
}

/** Gets a document. What its form is, the caller knows from the contract. */
export async function get<T>(path: string, query?: Query): Promise<T> {
  const response = await ask('GET', path, query === undefined ? {} : { query })
  return (await response.json()) as T
}

/** Sends something, and gets the document that is answered, if there is one. */
export async function send<T>(method: Exclude<Method, 'GET'>, path: string, body?: unknown): Promise<T> {
  const response = await ask(method, path, body === undefined ? {} : { body })
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}
