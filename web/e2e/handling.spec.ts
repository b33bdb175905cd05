// The list of alarms: filters in the address, keys, many at once, what somebody else does at the same time.
import { expect, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { alarming, logIn, somebodyElse } from './people'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start()
  await dsiem.post(['alpha', 'beta', 'gamma', 'delta'].map((title) => alarming(title)))
})
test.afterAll(() => dsiem.stop())
test.beforeEach(async ({ page }) => {
  await logIn(page, dsiem)
})

const linkTo = (title: string) => new RegExp(`Custom ${title} by`)

test('a filter is in the address, and a view keeps it', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms'))
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toBeVisible()
  await page.keyboard.press('/')
  await page.keyboard.type('gamma')
  await expect(page).toHaveURL(/text=gamma/)
  await expect(page.getByRole('link', { name: linkTo('gamma') })).toBeVisible()
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toHaveCount(0)
  await page.getByRole('button', { name: 'Status' }).click()
  await page.getByRole('checkbox', { name: 'Open' }).check()
  await expect(page).toHaveURL(/status=Open/)
  await page.keyboard.press('Escape')

  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByLabel('Name of this list').fill('mine')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('link', { name: 'mine' })).toBeVisible()
  await page.goto(dsiem.page('#/alarms'))
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toBeVisible()
  await page.getByRole('button', { name: 'Views' }).click()
  await page.getByRole('link', { name: 'mine' }).click()
  await expect(page).toHaveURL(/text=gamma/)
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toHaveCount(0)

  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('button', { name: 'Export' })
      .click()
      .then(() => page.getByRole('menuitem', { name: /CSV/ }).click()),
  ])
  expect(file.suggestedFilename()).toBe('alarms.csv')
})

test('keys move, select and set the status of many at once', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms?sort=title&order=asc'))
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toBeVisible()
  for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key)
  await expect(page.getByText('2 alarms selected')).toBeVisible()
  await page.keyboard.press('s')
  await page.getByRole('button', { name: 'In-Progress' }).click()
  await expect(page.getByRole('row', { name: linkTo('alpha') })).toContainText('In-Progress')
  await expect(page.getByRole('row', { name: linkTo('beta') })).toContainText('In-Progress')
  await expect(page.getByRole('row', { name: linkTo('gamma') })).toContainText('Open')

  await page.keyboard.press('Escape')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/#\/alarms\/\w+\?sort=title/)
  await expect(page.getByRole('heading', { level: 1, name: linkTo('beta') })).toBeVisible()
  await page.keyboard.press('j')
  await expect(page.getByRole('heading', { level: 1, name: linkTo('delta') })).toBeVisible()
  await page.keyboard.press('u')
  await expect(page.getByRole('heading', { level: 1, name: 'Alarms' })).toBeVisible()
})

test('what somebody else does is seen, and not overwritten unseen', async ({ page, browser }) => {
  await page.goto(dsiem.page('#/alarms'))
  const row = page.getByRole('row', { name: linkTo('gamma') })
  await expect(row).toContainText('Open')
  await row.getByRole('checkbox').check()
  await page.keyboard.press('t')
  await expect(page.getByRole('dialog')).toContainText('Set tag')

  const [other, context] = await somebodyElse(browser, dsiem)
  await other.goto(dsiem.page('#/alarms'))
  await other.getByRole('link', { name: linkTo('gamma') }).click()
  await other.getByRole('button', { name: 'Open' }).click()
  await other.getByRole('button', { name: 'Closed' }).click()
  await expect(other.locator('[data-part=status]')).toHaveText('Closed')

  // It is seen behind the dialog without a reload, and what was asked before is a conflict.
  await expect(page.locator('tr', { hasText: 'Custom gamma' })).toContainText('Closed')
  await page.getByRole('button', { name: 'Valid Threat' }).click()
  const conflict = page.getByRole('dialog')
  await expect(conflict).toContainText('Not done: 1 alarm changed meanwhile')
  await expect(conflict).toContainText('Closed, Identified Threat')
  await conflict.getByRole('button', { name: /Even so/ }).click()
  await expect(row).toContainText('Valid Threat')
  await expect(row).toContainText('Closed')
  await context.close()
})

test('new alarms come by themselves', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms'))
  await expect(page.getByRole('link', { name: linkTo('alpha') })).toBeVisible()
  await expect(page.getByText('live', { exact: true })).toBeVisible()
  await dsiem.post([alarming('omega')])
  await expect(page.getByRole('link', { name: linkTo('omega') })).toBeVisible()
})
