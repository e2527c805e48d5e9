// Brings a directory into the panel by its form, tries it, changes it, takes it away, and signs people in meanwhile.
//
//   node identity_providers.mjs ORIGIN LOGIN PASSWORD DIRECTORY URL SECRET PERSON THEIR_PASSWORD
//
// URL is of an LDAP server, SECRET the password of the account that searches it. Prints what happened as JSON.

import { join } from 'node:path'

import { fillSignIn, items, launch, openPage, signIn } from './browser.mjs'

const [origin, login, password, directory, url, secret, person, theirs] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [], shown: [] }
  const { page } = await openPage(browser, found.complaints)
  page.on('response', async (response) => {
    if (response.url().includes('/identity-providers')) found.shown.push(await response.text().catch(() => ''))
  })
  const provider = async () => (await items(page, '/identity-providers'))[0]
  const picture = (name) => page.screenshot({ path: join(directory, `provider-${name}.png`), fullPage: true })
  await signIn(page, origin, login, password)

  await page.goto(`${origin}/identity-providers`)
  await page.getByRole('button', { name: 'New identity provider' }).first().click()
  const form = page.getByRole('dialog')
  await choose(form.getByRole('combobox', { name: 'Kind' }), 'LDAP directory')
  await form.getByLabel('Name', { exact: true }).fill('People')
  await form.getByLabel('Directory', { exact: true }).fill(url)
  await form.getByLabel('Base').fill('ou=people,dc=example,dc=org')
  await form.getByLabel('Filter').fill('(&(objectClass=inetOrgPerson)(uid={login}))')
  await form.getByLabel('Searching account', { exact: true }).fill('cn=service,dc=example,dc=org')
  await form.getByLabel('Attribute of the groups').fill('memberOf')
  await form.getByLabel('Password of the searching account').fill('not the password')
  await form.getByRole('switch', { name: 'New people get an account' }).check()
  await form.getByRole('button', { name: 'Add a group' }).click()
  // A row that is not filled in is not sent; the form says so.
  await form.getByRole('button', { name: 'Create' }).click()
  await form.getByText('This is needed.').waitFor()
  await form.getByLabel('Group', { exact: true }).fill('cn=vpn-staff,ou=groups,dc=example,dc=org')
  await choose(form.getByRole('combobox', { name: 'Role', exact: true }), 'Support')
  await picture('form')
  await form.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: 'People' }).waitFor()
  await form.waitFor({ state: 'detached' })
  found.made = await provider()

  found.tried_with_the_wrong_password = await trial()
  await change(() => form.getByLabel('Password of the searching account').fill(secret))
  found.tried = await trial()
  await picture('tried')
  found.signed_in = await signInThere()

  await change(() => choose(form.getByRole('combobox', { name: 'Role', exact: true }), 'Auditor'))
  found.changed = await provider()
  found.signed_in_again = await signInThere()
  await change(() => form.getByRole('switch', { name: 'People may sign in by it' }).uncheck())
  await page.locator('#main').getByText('Disabled').first().waitFor()
  found.off = await signInThere()
  await change(() => form.getByRole('switch', { name: 'People may sign in by it' }).check())

  await page.getByRole('button', { name: 'Delete' }).click()
  const sure = page.getByRole('dialog', { name: 'Delete People?' })
  const act = sure.getByRole('button', { name: 'Delete' })
  if (await act.isEnabled()) throw new Error('it can be deleted without its name')
  await sure.getByRole('textbox').fill('People')
  await act.click()
  await page.getByText('People was deleted.').waitFor()
  await page.getByText('No identity providers').waitFor()
  found.left = await items(page, '/identity-providers')
  found.deleted = await signInThere()
  console.log(JSON.stringify(found))

  async function choose(field, option) {
    await field.click()
    await page.getByRole('option', { name: option }).click()
  }

  /** What the page says of a trial, and in which tone. */
  async function trial() {
    const answer = page.waitForResponse((response) => response.url().endsWith('/test'))
    await page.getByRole('button', { name: 'Test' }).click()
    const { ok, detail } = await (await answer).json()
    const alert = page.locator('#main').getByRole('alert').filter({ hasText: detail })
    await alert.waitFor()
    return { ok: ok && /Success/.test(await alert.getAttribute('class')), detail }
  }

  async function change(act) {
    await page.getByRole('button', { name: 'Edit' }).click()
    await form.getByRole('button', { name: 'Save' }).waitFor()
    await act()
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
  }

  /** Who a person of the directory is here, or what the sign-in page says to them. */
  async function signInThere() {
    const visitor = await openPage(browser, found.complaints, { name: person })
    await visitor.page.goto(`${origin}/sign-in`)
    await fillSignIn(visitor.page, person, theirs)
    const [inside, refusal] = [visitor.page.locator('#main'), visitor.page.getByRole('alert')]
    await inside.or(refusal).first().waitFor()
    const told = (await inside.count()) > 0 ? await me(visitor.page) : (await refusal.innerText()).split('\n')[0]
    await visitor.context.close()
    return told
  }

  async function me(visitor) {
    const { login: called, display_name: name, role } = await (await visitor.request.get(`${origin}/api/v1/me`)).json()
    return { login: called, name, role }
  }
} finally {
  await browser.close()
}
