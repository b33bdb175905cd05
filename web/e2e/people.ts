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
