// One alarm: stages, events, explanation, comments, and the links that lead to it.
import { expect, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { logIn } from './people'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start()
  dsiem.attack('Eleven failures and then a login')
})
test.afterAll(() => dsiem.stop())
test.beforeEach(async ({ page }) => {
  await logIn(page, dsiem)
})

test('the link of existing dashboards leads to the alarm, which explains itself', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms'))
  const link = page.getByRole('link', { name: 'SSH brute force by 198.51.100.23 against jump01' })
  const id = /#\/alarms\/([^?]+)/.exec((await link.getAttribute('href')) ?? '')?.[1] ?? ''
  await page.goto(dsiem.page(`#/data/alarm-detail/${id}`))
  await expect(page).toHaveURL(new RegExp(`#/alarms/${id}`))
  await expect(page.getByRole('heading', { level: 1 })).toContainText('SSH brute force')
  const stages = page.getByRole('list', { name: 'Stages' }).getByRole('listitem')
  await expect(stages).toHaveCount(3)
  await expect(stages.nth(2)).toContainText('complete')
  await expect(stages.nth(1)).toContainText('198.51.100.23')
  await expect(page.getByRole('link', { name: 'source 198.51.100.23' })).toBeVisible()

  await page.getByRole('tab', { name: 'Events' }).click()
  await page.getByText(/^Stage 2 /).click()
  await expect(page.getByRole('table', { name: 'Events' }).getByRole('row')).toHaveCount(11)
  await page.getByRole('button', { name: 'All fields of event 1', exact: true }).click()
  await expect(page.getByRole('region', { name: 'event 1 as JSON' })).toContainText('"plugin_id": 50001')

  await page.getByRole('tab', { name: 'Explanation' }).click()
  await expect(page.getByText('In short')).toBeVisible()
  await expect(page.getByRole('region', { name: 'Stage 2' })).toContainText('198.51.100.23')

  await page.getByRole('tab', { name: 'JSON' }).click()
  await expect(page.getByRole('region', { name: 'the alarm as JSON' })).toContainText(`"alarm_id": "${id}"`)

  await page.getByRole('textbox', { name: 'Comment' }).fill('Looks real.\nCalled the owner.')
  await page.getByRole('button', { name: 'Add comment' }).click()
  await expect(page.getByText('Called the owner.')).toBeVisible()
})

test('an alarm that is not there says so', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms/none'))
  await expect(page.getByRole('alert')).toBeVisible()
})
