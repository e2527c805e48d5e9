// Makes an API token in the panel and tries to lose its secret by accident: what a person does with a mouse and keys.
//
//   node shown_once.mjs ORIGIN LOGIN PASSWORD DIRECTORY
//
// Prints what happened as JSON: the secret, and where the page kept it.

import { join } from 'node:path'

import { items, launch, openPage, signIn } from './browser.mjs'

const [origin, login, password, directory] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [], asked: {} }
  const { context, page } = await openPage(browser, found.complaints)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await signIn(page, origin, login, password)
  await page.goto(`${origin}/api-tokens`)
  await page.getByRole('button', { name: 'New token' }).first().click()
  const form = page.getByRole('dialog', { name: 'New token' })
  await form.getByLabel('Name', { exact: true }).fill('backup')
  await form.getByRole('checkbox', { name: 'Devices', exact: true }).check()
  await form.getByRole('button', { name: 'Create' }).click()

  const shown = page.getByRole('dialog', { name: 'The new token' })
  const question = page.getByRole('dialog', { name: 'Have you copied it?' })
  const stay = async () => {
    await question.getByRole('button', { name: 'Cancel' }).click()
    await question.waitFor({ state: 'detached' })
    return (await shown.locator('code').innerText()) === found.secret
  }
  await shown.waitFor()
  found.secret = await shown.locator('code').innerText()
  await page.screenshot({ path: join(directory, 'shown-once.png') })

  // Beside the dialog: nothing happens at all.
  await page.mouse.click(5, 450)
  found.asked.beside = await question.count()
  await page.keyboard.press('Escape')
  found.asked.escape = await stay()
  await shown.getByRole('button', { name: 'Close' }).click()
  found.asked.close = await stay()
  await page.evaluate(() => history.back())
  found.asked.back = await stay()
  // The window itself: the browser asks, in its own words, whoever has touched the page.
  const leaving = page.waitForEvent('dialog')
  page.reload().catch(() => {})
  const dialog = await leaving
  found.window_asks = dialog.type()
  await dialog.dismiss()
  found.asked.reload = (await shown.locator('code').innerText()) === found.secret
  found.address = page.url()
  found.kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]))

  await shown.getByRole('button', { name: 'Copy', exact: true }).click()
  await shown.getByRole('button', { name: 'Copied' }).waitFor()
  found.copied = await page.evaluate(() => navigator.clipboard.readText())
  await shown.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('heading', { name: 'API tokens' }).waitFor()
  await shown.waitFor({ state: 'detached' })
  found.asked.after_copying = await question.count()

  // Nowhere again: not by "back", and not from the server.
  await page.goBack()
  await page.waitForLoadState()
  found.after_back = (await page.locator('body').innerText()).includes(found.secret)
  found.listed = await items(page, '/api-tokens?q=backup')
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
