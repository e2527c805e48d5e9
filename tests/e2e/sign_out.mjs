// Signs out while the server is in trouble, and again when it is well.
//
//   node sign_out.mjs ORIGIN LOGIN PASSWORD DIRECTORY
//
// The trouble is made between the page and the server. Prints what happened as JSON.

import { join } from 'node:path'

import { launch, openPage, signIn } from './browser.mjs'

const [origin, login, password, directory] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [] }
  const { context, page } = await openPage(browser, found.complaints)
  await signIn(page, origin, login, password)
  const ask = async () => (await page.request.get(`${origin}/api/v1/me`)).status()
  const signOut = async () => {
    await page.getByRole('button', { name: /^Account of/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
  }
  const trouble = async (answer) => {
    const sessions = `${origin}/api/v1/sessions/*`
    await context.route(sessions, answer)
    await signOut()
    const alert = page.getByRole('alert').filter({ has: page.getByRole('button', { name: 'Close' }) })
    const told = await alert.innerText()
    await page.screenshot({ path: join(directory, 'sign-out-failed.png') })
    await context.unroute(sessions, answer)
    // The next one is a word of its own.
    await alert.getByRole('button', { name: 'Close' }).click()
    await alert.waitFor({ state: 'detached' })
    return { told, still_there: await page.locator('#main').count(), session: await ask() }
  }

  found.refused = await trouble((route) => route.fulfill({
    status: 503, contentType: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', status: 503, code: 'unavailable', title: 'Service Unavailable', detail: 'the database is away' }),
  }))
  found.no_answer = await trouble((route) => route.abort())
  // What stays is whole: the page still asks for a sign-in when the session ends, and still works until then.
  await page.getByRole('link', { name: 'Users', exact: true }).first().click()
  await page.getByRole('heading', { name: 'Users' }).waitFor()

  await signOut()
  await page.waitForURL(/\/sign-in/)
  found.well = { session: await ask(), cookies: (await context.cookies()).length }
  await page.goBack()
  await page.waitForLoadState()
  await page.locator('input[type=password]').waitFor()
  found.behind = await page.locator('#main').count()
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
