// Whatever an attacker puts into an event is text on the page: it runs nowhere, turns nothing around, and takes no more room
// than it is given.
import { expect, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { alarming, logIn } from './people'

const SCRIPT = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'
const BIDI = 'invoice\u202egnp.exe'
const LONG = 'L'.repeat(10_000)

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start()
  await dsiem.post([
    alarming(SCRIPT, {
      protocol: SCRIPT,
      sensor: SCRIPT,
      custom_label1: SCRIPT,
      product: SCRIPT,
      category: SCRIPT,
    }),
    alarming(BIDI),
    alarming(LONG),
  ])
})
test.afterAll(() => dsiem.stop())

test('hostile content is shown as text', async ({ page }) => {
  const elsewhere: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(dsiem.url)) elsewhere.push(request.url())
  })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await logIn(page, dsiem)
  await page.goto(dsiem.page('#/alarms'))
  const rows = page.getByRole('table', { name: 'Alarms' }).locator('tbody tr')
  await expect(rows).toHaveCount(3)
  await expect(page.getByText('invoice\\u202egnp.exe')).toBeVisible()
  for (const row of await rows.all()) expect((await row.boundingBox())?.height).toBeLessThan(48)

  for (const [title, part] of [
    ['<img src=x', SCRIPT],
    ['invoice', 'invoice\\u202egnp.exe'],
    ['LLLL', 'LLLLLLLLLL'],
  ] as const) {
    await page.goto(dsiem.page('#/alarms'))
    await page.getByRole('link', { name: title }).click()
    await expect(page.getByRole('heading', { level: 1 })).toContainText(part)
    for (const tab of ['Events', 'Explanation', 'JSON']) {
      await page.getByRole('tab', { name: tab }).click()
      await expect(page.getByRole('tabpanel')).toContainText(/\w/)
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBeLessThanOrEqual(1280)
  }
  await page
    .getByRole('button', { name: /show all 10,0\d\d characters/ })
    .first()
    .click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('L'.repeat(9_000))

  expect(await page.evaluate(() => 'ran' in window)).toBe(false)
  expect(await page.locator('img[src=x]').count()).toBe(0)
  expect(elsewhere).toEqual([])
  expect(complaints).toEqual([])
})
