// Who uses the page in the tests.
import type { Browser, BrowserContext, Page } from '@playwright/test'
import { type Dsiem, PASSWORD } from './dsiem'

/** Logs in without the form, which has a test of its own. */
export async function logIn(page: Page, dsiem: Dsiem, name = 'admin', password = PASSWORD): Promise<void> {
  const answer = await page.request.post(`${dsiem.url}/api/v1/session`, { data: { name, password } })
  if (!answer.ok()) throw new Error(await answer.text())
}

/** A user of this role, who logs in with `PASSWORD`. */
export async function addUser(page: Page, dsiem: Dsiem, name: string, role: string): Promise<void> {
  const session = (await (await page.request.get(`${dsiem.url}/api/v1/session`)).json()) as {
    csrf_token: string
  }
  const answer = await page.request.post(`${dsiem.url}/api/v1/users`, {
    headers: { 'x-csrf-token': session.csrf_token },
    data: { name, role, password: PASSWORD },
  })
  if (!answer.ok()) throw new Error(await answer.text())
}

/** Somebody at another machine. */
export async function somebodyElse(
  browser: Browser,
  dsiem: Dsiem,
  name = 'admin',
): Promise<[Page, BrowserContext]> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  await logIn(page, dsiem, name)
  return [page, context]
}

let numbers = 0

/** An event that raises an alarm of its own. */
export function alarming(title: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  numbers += 1
  return {
    event_id: `page-${process.pid}-${numbers}`,
    timestamp: new Date().toISOString(),
    sensor: 'page',
    plugin_id: 99001,
    plugin_sid: 1,
    title,
    src_ip: `203.0.113.${numbers}`,
    dst_ip: '10.30.0.20',
    custom_label1: 'what',
    custom_data1: title,
    ...more,
  }
}
