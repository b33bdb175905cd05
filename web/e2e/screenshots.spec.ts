// Makes the pictures in docs/images anew: each page, light and dark. It is no test, and runs only when it is asked for.
import { join, resolve } from 'node:path'
import { expect, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { logIn } from './people'
import { PAGES } from './pages'

const images = resolve(import.meta.dirname, '../../docs/images')
const ATTACKS: [string, string][] = [
  ['Eleven failures and then a login', 'directives/examples_authentication.json'],
  ['Over IPv6', 'directives/examples_authentication.json'],
]

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start()
  for (const [name, examples] of ATTACKS) dsiem.attack(name, examples)
})
test.afterAll(() => dsiem.stop())

for (const scheme of ['light', 'dark'] as const) {
  test(`pictures in ${scheme} colours`, async ({ page }) => {
    test.slow()
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.goto(dsiem.page())
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
    await page.screenshot({ path: join(images, `login-${scheme}.png`) })
    await logIn(page, dsiem)
    await page.goto(dsiem.page('#/alarms'))
    await page.reload()
    const href = await page
      .getByRole('link', { name: /SSH brute force/ })
      .first()
      .getAttribute('href')
    const id = /alarms\/([^?]+)/.exec(href ?? '')?.[1] ?? ''
    for (const [name, place] of PAGES) {
      await page.goto(dsiem.page(place.replace('ALARM', id)))
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
      await expect(page.getByRole('status', { name: 'loading' })).toHaveCount(0)
      await page.waitForLoadState('networkidle', { timeout: 2_000 }).catch(() => undefined)
      await page.screenshot({ path: join(images, `${name}-${scheme}.png`) })
    }
  })
}
