// The editor of configuration files: it says what is wrong while one writes, and does not save it.
import { expect, test } from '@playwright/test'
import { Dsiem } from './dsiem'
import { logIn } from './people'

let dsiem: Dsiem
test.beforeAll(async () => {
  dsiem = await Dsiem.start({ directives: ['to be edited'] })
})
test.afterAll(() => dsiem.stop())

test('a file is checked while it is written, and saved when it is right', async ({ page }) => {
  await logIn(page, dsiem)
  await page.goto(dsiem.page('#/configuration'))
  await page.getByRole('link', { name: 'directives_page.json' }).click()
  const editor = page.getByRole('textbox', { name: 'directives_page.json' })
  await expect(editor).toContainText('9901')
  const save = page.getByRole('button', { name: 'Save' })
  await expect(save).toBeDisabled()

  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('{"directives": [{"id": 9901, "name": "x"}]}')
  await expect(page.locator('[data-severity=error]').first()).toBeVisible()
  await expect(save).toBeDisabled()

  await page.keyboard.press('Control+z')
  await expect(page.getByText('no problem')).toBeVisible()
  await page.keyboard.press('Control+Home')
  await page.keyboard.insertText('\n')
  await expect(save).toBeEnabled()
  await save.click()
  await expect(page.getByText(/is saved/)).toBeVisible()
  await expect(save).toBeDisabled()
})
