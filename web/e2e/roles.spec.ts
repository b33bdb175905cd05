// Who may come in, and what each role may do.
import { expect, test } from '@playwright/test'
import { Dsiem, PASSWORD } from './dsiem'
import { addUser, logIn } from './people'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start({ directives: ['for roles'] })
  await dsiem.raise('for roles')
})
test.afterAll(() => dsiem.stop())

test('a wrong password is refused, the right one lets in, and leaving works', async ({ page }) => {
  await page.goto(dsiem.page('#/alarms'))
  await page.getByRole('textbox', { name: 'Name' }).fill('admin')
  await page.getByRole('textbox', { name: 'Password' }).fill('not this one at all')
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByRole('alert')).toBeVisible()

  await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Log in' }).click()
  await expect(page.getByRole('heading', { name: 'Alarms', level: 1 })).toBeVisible()

  await page.getByRole('button', { name: 'User admin' }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
})

test('a viewer looks and changes nothing', async ({ page }) => {
  await logIn(page, dsiem)
  await addUser(page, dsiem, 'vera', 'viewer')
  await logIn(page, dsiem, 'vera')
  await page.goto(dsiem.page('#/alarms'))
  await expect(page.getByRole('link', { name: /for roles/ })).toBeVisible()
  await expect(page.getByRole('checkbox', { name: 'Select', exact: true })).toHaveCount(0)
  await expect(page.getByRole('link', { name: 'Users' })).toHaveCount(0)
  await page.keyboard.press('j')
  await page.keyboard.press('s')
  await expect(page.getByRole('dialog')).toHaveCount(0)

  await page.goto(dsiem.page('#/users'))
  await expect(page.getByRole('alert').first()).toContainText(/role|admin/i)
})

test('an administrator adds a user, who gets a token and is put out again', async ({ page, browser }) => {
  await logIn(page, dsiem)
  await page.goto(dsiem.page('#/users'))
  await page.getByRole('textbox', { name: 'Name' }).fill('otto')
  await page.getByRole('textbox', { name: 'Password', exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Add user' }).click()
  await expect(page.getByRole('cell', { name: 'otto', exact: true })).toBeVisible()

  const other = await (await browser.newContext()).newPage()
  await logIn(other, dsiem, 'otto')
  await other.goto(dsiem.page('#/tokens'))
  await other.getByRole('textbox', { name: 'Name' }).fill('export')
  await other.getByRole('button', { name: 'Make token' }).click()
  await expect(other.getByText(/^dsiem_/)).toBeVisible()

  await page.getByRole('switch', { name: 'otto may log in' }).click({ force: true })
  await other.goto(dsiem.page('#/alarms'))
  await expect(other.getByRole('button', { name: 'Log in' })).toBeVisible()
  await other.context().close()

  await page.getByRole('link', { name: 'Audit' }).click()
  await expect(page.getByRole('table', { name: 'Audit' })).toContainText('otto')
})
