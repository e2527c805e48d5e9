// Signs in by an identity provider, and signs in again in a window of its own, by that provider and by a passkey, while the
// page that asked for it stays with what was typed in it.
//
//   node sign_in_again.mjs ORIGIN LOGIN PASSWORD DIRECTORY PROVIDER
//
// PROVIDER is the name of one that lets anybody in, see provider.mjs. Prints what happened as JSON.

import { join } from 'node:path'

import { addPasskey, byApi, items, launch, openPage, passkeysOf, signIn } from './browser.mjs'

const [origin, login, password, directory, provider] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [] }
  found.by_provider = await byProvider(found.complaints)
  found.by_passkey = await byPasskey(found.complaints)
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}

async function byProvider(complaints) {
  const { page } = await openPage(browser, complaints, { name: 'provider' })
  await page.goto(`${origin}/users?role=operator`)
  await page.getByRole('button', { name: `Sign in with ${provider}` }).click()
  await atProvider(page, 'boss')
  await page.locator('#main').waitFor()
  const me = await (await page.request.get(`${origin}/api/v1/me`)).json()
  const first = { login: me.login, role: me.role, has_password: me.has_password, place: placeOf(page) }

  await typed(page, 'kept-by-provider')
  await endSession(page)
  const popup = await elsewhere(page)
  await popup.screenshot({ path: join(directory, 'signed-in-elsewhere.png') })
  // The provider still knows who this is, and sends the window back at once.
  await popup.getByRole('button', { name: `Sign in with ${provider}` }).click()
  return { first, again: await goesOn(page, 'kept-by-provider') }
}

async function byPasskey(complaints) {
  const { page } = await openPage(browser, complaints, { name: 'passkey' })
  await signIn(page, origin, login, password)
  const { devtools, authenticatorId } = await addPasskey(page, origin, 'laptop')
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })

  await typed(page, 'kept-by-passkey')
  await endSession(page)
  const popup = await elsewhere(page)
  // An authenticator is of one window here; this is the same one.
  const other = await passkeysOf(popup)
  await other.devtools.send('WebAuthn.addCredential', { authenticatorId: await other.plugIn('internal'), credential: credentials[0] })
  await popup.getByRole('button', { name: 'Sign in with a passkey' }).click()
  return goesOn(page, 'kept-by-passkey')
}

/** A form of the panel with something in it. */
async function typed(page, user) {
  await page.goto(`${origin}/users/new`)
  await page.getByLabel('Login', { exact: true }).fill(user)
  await page.getByLabel('Name', { exact: true }).fill('Typed before')
}

/** Beside the page, which is not told by an answer of its own. */
async function endSession(page) {
  const { session_id: session } = await (await page.request.get(`${origin}/api/v1/me`)).json()
  await byApi(page, 'DELETE', `/sessions/${session}`)
}

/** The window in which one signs in, opened from the question over the page. */
async function elsewhere(page) {
  const again = page.getByRole('dialog', { name: 'Sign in again' })
  await again.waitFor()
  const [popup] = await Promise.all([page.waitForEvent('popup'), again.getByRole('button', { name: 'Sign in another way' }).click()])
  return popup
}

/** What became of the form, and of what it makes. */
async function goesOn(page, user) {
  await page.getByRole('dialog', { name: 'Sign in again' }).waitFor({ state: 'detached' })
  const kept = [placeOf(page), await page.getByLabel('Login', { exact: true }).inputValue(), await page.getByLabel('Name', { exact: true }).inputValue()]
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'Typed before' }).waitFor()
  return { kept, made: (await items(page, `/users?q=${user}`)).map((one) => one.login) }
}

/** Fills the provider's forms, as many as it shows, until it sends the browser back. */
async function atProvider(page, name) {
  await page.waitForURL((url) => url.origin !== origin)
  while (new URL(page.url()).origin !== origin) {
    const asked = page.locator('input[name=login]')
    if (await asked.count()) {
      await asked.fill(name)
      await page.locator('input[name=password]').fill('any')
    }
    const from = page.url()
    await page.locator('button[type=submit]').click()
    await page.waitForURL((url) => url.href !== from)
  }
}

function placeOf(page) {
  return page.url().replace(origin, '')
}
