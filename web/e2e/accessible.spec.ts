// Each page in light and dark: what axe finds serious, what does not fit, and what a narrow window makes of it.
import { AxeBuilder } from '@axe-core/playwright'
import { expect, type Page, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { logIn } from './people'
import { PAGES } from './pages'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start()
  dsiem.attack('Eleven failures and then a login')
})
test.afterAll(() => dsiem.stop())

async function serious(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

async function settled(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.getByRole('status', { name: 'loading' })).toHaveCount(0)
}

for (const scheme of ['light', 'dark'] as const) {
  test(`axe finds nothing serious in ${scheme} colours`, async ({ page }) => {
    test.slow()
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.goto(dsiem.page())
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
    expect(await serious(page), 'login').toEqual([])
    await logIn(page, dsiem)
    await page.goto(dsiem.page('#/alarms'))
    await page.reload()
    const href = await page.getByRole('link', { name: /SSH brute force/ }).getAttribute('href')
    const id = /alarms\/([^?]+)/.exec(href ?? '')?.[1] ?? ''
    for (const [name, place] of PAGES) {
      await page.goto(dsiem.page(place.replace('ALARM', id)))
      await settled(page)
      expect(await serious(page), name).toEqual([])
    }
  })
}

test('everything fits into 390 pixels', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await logIn(page, dsiem)
  await page.goto(dsiem.page('#/alarms'))
  const href = await page.getByRole('link', { name: /SSH brute force/ }).getAttribute('href')
  const id = /alarms\/([^?]+)/.exec(href ?? '')?.[1] ?? ''
  for (const [name, place] of PAGES) {
    await page.goto(dsiem.page(place.replace('ALARM', id)))
    await settled(page)
    expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(390)
  }
})
