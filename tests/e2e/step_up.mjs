// Adds a passkey in the panel and proves by it, minutes later, that it is still oneself who asks for a dangerous act.
//
//   node step_up.mjs ORIGIN LOGIN PASSWORD DIRECTORY
//
// Says `enrolled`, waits for a line, by which the session's last proof has grown old, and prints what happened as JSON.

import { join } from 'node:path'

import { addPasskey, items, launch, openPage, signIn, tell } from './browser.mjs'

const [origin, login, password, directory] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [] }
  const { page } = await openPage(browser, found.complaints)
  await signIn(page, origin, login, password)
  const { devtools, authenticatorId } = await addPasskey(page, origin, 'laptop')
  await tell('enrolled')

  await page.goto(`${origin}/api-tokens/new`)
  const form = page.getByRole('dialog', { name: 'New token' })
  await form.getByLabel('Name', { exact: true }).fill('proven')
  await form.getByRole('checkbox', { name: 'Devices', exact: true }).check()
  const create = form.getByRole('button', { name: 'Create' })
  const proof = page.getByRole('dialog', { name: 'Is it you?' })
  const made = async () => (await items(page, '/api-tokens?q=proven')).length

  // Who would rather not is back in the form as it was, without a word of blame, and nothing was made.
  await create.click()
  await proof.getByRole('button', { name: 'Cancel' }).click()
  await proof.waitFor({ state: 'detached' })
  found.cancelled = { made: await made(), name: await form.getByLabel('Name', { exact: true }).inputValue(), blamed: await form.getByRole('alert').count() }

  // A passkey whose owner the device does not know proves nothing.
  const verified = (isUserVerified) => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  const byPasskey = proof.getByRole('button', { name: 'Use a passkey' })
  await create.click()
  await verified(false)
  await byPasskey.click()
  await page.waitForFunction(() => [...document.querySelectorAll('button')].some((button) => button.textContent === 'Use a passkey' && !button.disabled))
  found.unverified = { made: await made(), still_asked: await proof.count() }
  await page.screenshot({ path: join(directory, 'step-up.png') })

  await verified(true)
  await byPasskey.click()
  await page.getByRole('dialog', { name: 'The new token' }).waitFor()
  found.proven = { made: await made(), still_asked: await proof.count() }
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByRole('button', { name: 'Close' }).click()

  // Fresh for a while: the next act is not asked about.
  await page.getByRole('link', { name: 'proven' }).or(page.getByText('proven', { exact: true })).first().click()
  await page.getByRole('button', { name: 'Delete' }).click()
  const sure = page.getByRole('dialog', { name: 'Delete proven?' })
  await sure.getByRole('textbox').fill('proven')
  await sure.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('proven was deleted.').waitFor()
  found.deleted = { left: await made(), asked: await proof.count() }
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
