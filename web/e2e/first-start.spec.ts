// The first start: from the link in the log to the first alarm on the screen.
import { expect, test } from '@playwright/test'
import { Dsiem, PASSWORD } from './dsiem'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start({ password: null })
})
test.afterAll(() => dsiem.stop())

test('from the first start to the first alarm', async ({ page }) => {
  await page.goto(dsiem.page())
  await expect(page.getByText('There is no user yet')).toBeVisible()

  await page.goto(await dsiem.setUpLink())
  await page.getByRole('textbox', { name: 'Name' }).fill('anna')
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(PASSWORD)
  await page.getByRole('textbox', { name: 'Password again' }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Begin' }).click()

  await expect(page.getByText('No alarm yet: send a sample attack')).toBeVisible()
  await expect(page.getByText(`dsiem sample-attack --to ${dsiem.url}`)).toBeVisible()
  await page.getByRole('link', { name: 'Alarms', exact: true }).click()
  await expect(page.getByText('No alarm yet')).toBeVisible()
  await expect(
    page.getByRole('status', { name: 'live' }).or(page.getByText('live', { exact: true })),
  ).toBeVisible()

  dsiem.attack('Eleven failures and then a login')
  const alarm = page.getByRole('link', { name: 'SSH brute force by 198.51.100.23 against jump01' })
  await expect(alarm).toBeVisible()
  await expect(page.getByTitle('Risk 10 of 10: High')).toBeVisible()
  await alarm.click()
  await expect(page.getByText('11 of 10 events').or(page.getByText('10 of 10 events'))).toBeVisible()

  await page.getByRole('link', { name: 'Overview' }).click()
  const high = page.getByRole('link', { name: /open, .*High/ })
  await expect(high).toContainText('1')
  await high.click()
  await expect(page).toHaveURL(/#\/alarms\?class=High/)
  await expect(alarm).toBeVisible()
})
