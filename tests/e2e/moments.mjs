// Types moments as somebody in New York does, in summer and in winter, and reads what became of them.
//
//   node moments.mjs ORIGIN LOGIN PASSWORD
//
// Prints what the server has, and what the page shows of it, as JSON.

import { byApi, items, launch, openPage, signIn } from './browser.mjs'

const [origin, login, password] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [] }
  const { page } = await openPage(browser, found.complaints, { timezoneId: 'America/New_York' })
  await signIn(page, origin, login, password)

  // Pressed key by key: each year on the way to 2031 is a moment of its own, of another clock.
  await page.goto(`${origin}/api-tokens/new`)
  const form = page.getByRole('dialog', { name: 'New token' })
  await form.getByLabel('Name', { exact: true }).fill('by keys')
  await form.getByRole('checkbox', { name: 'Devices', exact: true }).check()
  await form.getByRole('combobox', { name: 'Ends' }).click()
  await page.getByRole('option', { name: 'At a date' }).click()
  const until = form.getByLabel('Ends at')
  await form.getByRole('button', { name: 'Create' }).click()
  await form.getByText('This is needed.').waitFor()
  found.without = (await items(page, '/api-tokens')).length
  await until.focus()
  await page.keyboard.type('070220310504AM')
  found.typed = await until.inputValue()
  await form.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('dialog', { name: 'The new token' }).waitFor()
  found.by_keys = (await items(page, '/api-tokens?q=by%20keys'))[0].expires_at

  // As the browser's own picture of a calendar gives it. In winter the clocks are five hours behind, not four.
  await byApi(page, 'POST', '/users', { login: 'winter', role: 'member' })
  const [user] = await items(page, '/users?q=winter')
  const edit = await openPage(browser, found.complaints, { timezoneId: 'America/New_York', storageState: await page.context().storageState() })
  await edit.page.goto(`${origin}/users/${user.id}/edit`)
  const ends = edit.page.getByLabel('Expires')
  await ends.fill('2031-01-02T22:04')
  await edit.page.getByRole('button', { name: 'Save' }).click()
  await edit.page.getByText('Saved.').waitFor()
  found.winter = (await items(page, '/users?q=winter'))[0].expires_at
  await edit.page.goto(`${origin}/users/${user.id}/edit`)
  found.shown_again = await ends.inputValue()
  await edit.page.getByRole('button', { name: 'Cancel' }).click()
  found.in_words = /Jan \d, 2031, \d+:\d+\s[AP]M/u.exec(await edit.page.locator('#main').innerText())?.[0]
  // Emptied: no end.
  await edit.page.goto(`${origin}/users/${user.id}/edit`)
  await ends.fill('')
  await edit.page.getByRole('button', { name: 'Save' }).click()
  await edit.page.getByText('Saved.').waitFor()
  found.emptied = (await items(page, '/users?q=winter'))[0].expires_at ?? null
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
