// Walks through the whole panel as an owner: every page in both colour schemes, wide and narrow, from left to right and
// from right to left, with axe and an eye on the content security policy. Then works in it as an operator does.
//
//   node panel.mjs ORIGIN LOGIN PASSWORD DIRECTORY [PART]
//
// PART is `work`, `pages`, or the name of one look, to do that alone. Pictures and the configuration go to DIRECTORY. Prints what it
// found as JSON; a step whose page is not there is named under `left_out`.

import { createHmac } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { byApi, fillSignIn, launch, openPage, signIn as signInAs } from './browser.mjs'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

const [origin, login, password, directory, only] = process.argv.slice(2)
const api = `${origin}/api/v1`

/** Pages whose address names no thing. Those of a thing are found through the lists. */
const PAGES = [
  '/', '/devices', '/devices/new', '/networks', '/networks/new', '/nodes', '/nodes/new', '/users', '/users/new', '/invites', '/invites/new',
  '/identity-providers', '/identity-providers/new', '/api-tokens', '/api-tokens/new', '/sign-in-limits', '/certificates', '/webhooks',
  '/webhooks/new', '/webhook-deliveries', '/jobs', '/audit', '/settings', '/master-key', '/api-docs', '/about', '/account',
  '/account/security', '/account/sessions', '/no-such-page',
]
/** Lists whose first thing is looked at, too. */
const THINGS = ['devices', 'networks', 'nodes', 'users', 'invites', 'api-tokens', 'webhooks', 'identity-providers']
const DOORS = ['/sign-in', '/forgot', '/setup', '/reset', '/invite', '/link']

const LOOKS = [
  { name: 'light', width: 1280, colorScheme: 'light', locale: 'en' },
  { name: 'dark', width: 1280, colorScheme: 'dark', locale: 'en' },
  { name: 'narrow', width: 390, colorScheme: 'light', locale: 'en' },
  { name: 'fa', width: 1280, colorScheme: 'light', locale: 'fa' },
]

const found = { visited: 0, axe: [], policy: [], complaints: [], sideways: [], not_there: [], left_out: [], work: {} }
const browser = await launch()

/** A browser of its own: its look, and whether the policy binds it. axe is put into the page, which the policy forbids. */
async function openContext({ name, width, colorScheme, locale, bypassCSP }) {
  const look = Object.fromEntries(Object.entries({ width, colorScheme, locale, bypassCSP }).filter(([, value]) => value !== undefined))
  const opened = await openPage(browser, found.complaints, { name, ...look })
  await opened.context.addInitScript(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
      window.violations.push(`${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`))
  })
  return opened
}

const signIn = (page) => signInAs(page, origin, login, password)

/** Until nothing is under way: no placeholder, no progress, and a heading that is there. */
async function settled(page) {
  await page.waitForLoadState('load')
  await page.locator('h1').first().waitFor({ timeout: 30_000 })
  await page.waitForFunction(() => !document.querySelector('#main [role="progressbar"]:not([aria-valuenow]), .MuiSkeleton-root'), undefined, { timeout: 30_000 }).catch(() => {})
  await page.evaluate(() => document.fonts.ready)
}

async function pathsOfThings(page) {
  const paths = []
  for (const noun of THINGS) {
    const answer = await page.request.get(`${api}/${noun}?limit=1`)
    const first = answer.ok() ? (await answer.json()).items[0] : undefined
    if (first) paths.push(`/${noun}/${first.id}`, ...(['devices', 'networks', 'nodes', 'users', 'webhooks', 'identity-providers'].includes(noun) ? [`/${noun}/${first.id}/edit`] : []))
  }
  const certificates = await page.request.get(`${api}/certificates`)
  const first = certificates.ok() ? (await certificates.json()).items[0] : undefined
  if (first) paths.push(`/certificates/${encodeURIComponent(first.name)}`)
  return paths
}

const pictureOf = (path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'one').replaceAll('/', '_').replace(/^_$/, '_start')

/** Looks at each page twice: with axe, and without it under the policy that it is served with. */
async function walk(look) {
  const folder = join(directory, look.name)
  mkdirSync(folder, { recursive: true })
  const judged = await openContext({ ...look, bypassCSP: true })
  const bound = await openContext(look)
  for (const path of DOORS) await lookAt(path, judged.page, bound.page, look, folder)
  await signIn(judged.page)
  await signIn(bound.page)
  for (const path of [...PAGES, ...(await pathsOfThings(bound.page))]) await lookAt(path, judged.page, bound.page, look, folder)
  await judged.context.close()
  await bound.context.close()
}

async function lookAt(path, judged, bound, look, folder) {
  const place = `${look.name} ${path}`
  try {
    await Promise.all([judged, bound].map(async (page) => {
      await page.goto(origin + path)
      await settled(page)
    }))
  } catch (error) {
    found.complaints.push(`${place}: ${String(error).split('\n')[0]}`)
    return
  }
  found.visited += 1
  await bound.screenshot({ path: join(folder, `${pictureOf(path)}.png`), fullPage: true })
  found.policy.push(...(await bound.evaluate(() => window.violations)).map((violation) => `${place}: ${violation}`))
  if (await bound.evaluate(() => document.documentElement.scrollWidth > innerWidth)) found.sideways.push(place)
  if (path !== '/no-such-page' && (await bound.getByText(/^(There is nothing at this address|در این نشانی چیزی نیست)$/).count()) > 0) found.not_there.push(place)
  await judged.evaluate(axe)
  const { violations } = await judged.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  found.axe.push(...violations.map(({ id, nodes }) => `${place}: ${id}: ${nodes.slice(0, 3).map(({ target }) => target.join(' ')).join(' | ')}`))
}

async function work() {
  const { context, page } = await openContext({ name: 'work' })
  page.setDefaultTimeout(30_000)
  await signIn(page)
  const stamp = Date.now().toString(36)
  const user = `eve-${stamp}`
  const items = async (path) => (await (await page.request.get(`${api}${path}`)).json()).items
  /** Does one step; what is in the way is told and pictured, and the next begins anew. */
  async function step(name, act) {
    try {
      found.work[name] = (await act()) ?? true
    } catch (error) {
      found.work[name] = false
      found.left_out.push(`${name}: ${String(error).split('\n').slice(0, 3).join(' ')}`)
      await picture(`failed-${name}`)
    }
  }
  const picture = (name, of = page) => of.screenshot({ path: join(directory, `${name}.png`) })

  await step('user_made', async () => {
    await page.goto(`${origin}/users`)
    await page.getByRole('button', { name: 'New user' }).first().click()
    await page.getByLabel('Login', { exact: true }).fill(user)
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: user }).waitFor()
    return (await items(`/users?q=${user}`)).length === 1
  })
  await step('network_made', async () => {
    await page.goto(`${origin}/networks/new`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill(`net-${stamp}`)
    await dialog.getByLabel('IPv4').fill('10.233.0.0/24')
    await dialog.getByLabel('DNS').fill('10.233.0.1')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: `net-${stamp}` }).waitFor()
    return (await items(`/networks?q=net-${stamp}`)).length === 1
  })
  await step('device_made', async () => {
    await page.goto(`${origin}/devices/new`)
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name', { exact: true }).fill(`phone-${stamp}`)
    const network = dialog.getByRole('combobox', { name: 'Network' })
    if ((await network.count()) > 0) {
      await network.click()
      await page.getByRole('option').first().click()
    }
    await dialog.getByRole('button', { name: /^Create/ }).click()
    await page.getByRole('img', { name: /QR/ }).waitFor()
    await picture('device-qr', page.getByRole('img', { name: /QR/ }))
    await picture('device-made')
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: /\.conf/ }).first().click()])
    await download.saveAs(join(directory, 'device.conf'))
    return { file: download.suggestedFilename(), made: (await items(`/devices?q=phone-${stamp}`)).length === 1 }
  })
  await step('device_disabled', async () => {
    const [device] = await items(`/devices?q=phone-${stamp}`)
    await page.goto(`${origin}/devices/${device.id}`)
    await page.getByRole('button', { name: 'Disable', exact: true }).click()
    const sure = page.getByRole('dialog').getByRole('button', { name: 'Disable' })
    await Promise.race([sure.click().catch(() => {}), page.getByRole('button', { name: 'Enable', exact: true }).waitFor()])
    await page.getByRole('button', { name: 'Enable', exact: true }).waitFor()
    return (await items(`/devices?q=phone-${stamp}`))[0].disabled === true
  })
  await step('restored_from_its_page', async () => {
    const left = []
    const [network] = await items('/networks')
    for (const noun of ['devices', 'networks', 'users']) {
      const body = { devices: { name: `gone-${stamp}`, network_id: network.id }, networks: { name: `gone-${stamp}`, ipv4: '10.201.0.0/24', dns: ['10.201.0.1'] }, users: { login: `gone-${stamp}`, role: 'member' } }[noun]
      const { id, revision } = await byApi(page, 'POST', `/${noun}`, body)
      await byApi(page, 'DELETE', `/${noun}/${id}`, undefined, { 'If-Match': `"${revision}"` })
      await page.goto(`${origin}/${noun}?deleted=true`)
      await page.getByText(`gone-${stamp}`).first().click()
      await page.getByRole('heading', { name: `gone-${stamp}` }).waitFor()
      await page.locator('#main').getByText('Deleted', { exact: true }).first().waitFor()
      await picture(`deleted-${noun}`)
      await page.getByRole('button', { name: 'Restore', exact: true }).click()
      await page.getByRole('button', { name: 'Edit', exact: true }).waitFor()
      left.push((await (await page.request.get(`${api}/${noun}/${id}`)).json()).deleted_at)
    }
    return left
  })
  await step('audit_shows_it', async () => {
    await page.goto(`${origin}/audit`)
    await page.getByText('Devices: disable').first().waitFor()
    await picture('audit')
  })
  await step('bulk_and_undo', async () => {
    for (const each of ['one', 'two', 'three']) await byApi(page, 'POST', '/users', { login: `bulk-${each}-${stamp}`, role: 'member' })
    const disabled = async () => (await items(`/users?q=${stamp}&state=disabled`)).filter((one) => one.login.startsWith('bulk-')).length
    await page.goto(`${origin}/users?q=bulk-`)
    await page.getByRole('checkbox', { name: 'Select all rows' }).check()
    await page.getByRole('button', { name: 'Disable', exact: true }).click()
    await page.getByText(/Disable: \d+ done/).waitFor()
    const then = await disabled()
    await picture('bulk-disabled')
    await page.getByRole('button', { name: 'Undo' }).click()
    let left = await disabled()
    for (let tries = 0; left > 0 && tries < 40; tries += 1) {
      await page.waitForTimeout(250)
      left = await disabled()
    }
    return { disabled: then, after_undo: left }
  })
  await step('found_by_palette', async () => {
    await page.goto(`${origin}/`)
    await page.locator('#main').waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Search' }).fill(user)
    await page.getByRole('option', { name: user }).waitFor()
    await picture('palette')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: user }).waitFor()
  })
  await step('told_live', async () => {
    await page.goto(`${origin}/users?q=live-${stamp}`)
    await page.getByText('Nothing matches').waitFor()
    // Made by another session, so nothing on this page knows of it but by the server's word.
    const other = await openContext({ name: 'other' })
    await signIn(other.page)
    await byApi(other.page, 'POST', '/users', { login: `live-${stamp}`, role: 'member' })
    await other.context.close()
    await page.getByText(`live-${stamp}`).first().waitFor()
  })
  const again = page.getByRole('dialog', { name: 'Sign in again' })
  const create = page.getByRole('button', { name: 'Create', exact: true })
  const typed = async (user, name) => {
    await page.goto(`${origin}/users/new`)
    await page.getByLabel('Login', { exact: true }).fill(user)
    await page.getByLabel('Name', { exact: true }).fill(name)
  }
  /** Ended from elsewhere, so that the page is not told by an answer of its own. */
  const endSession = async () => {
    const { session_id: session } = await (await page.request.get(`${api}/me`)).json()
    const other = await openContext({ name: 'other' })
    await signIn(other.page)
    await byApi(other.page, 'DELETE', `/sessions/${session}`)
    await other.context.close()
  }
  const signInAgain = async () => {
    await again.locator('input[type=password]').fill(password)
    await again.locator('button[type=submit]').click()
    await again.waitFor({ state: 'detached' })
  }
  await step('session_ended_in_a_form', async () => {
    await typed(`kept-${stamp}`, 'Typed before')
    await endSession()
    // The line to the server breaks off, and the page asks without anything having been pressed.
    await again.waitFor()
    await picture('signed-out-in-a-form')
    await signInAgain()
    const kept = [page.url().replace(origin, ''), await page.getByLabel('Login', { exact: true }).inputValue(), await page.getByLabel('Name', { exact: true }).inputValue()]
    const before = (await items(`/users?q=kept-${stamp}`)).length
    await create.click()
    await page.getByRole('heading', { name: 'Typed before' }).waitFor()
    return { kept: kept.map((text) => text.replace(stamp, '*')), before, made: (await items(`/users?q=kept-${stamp}`)).map((one) => one.display_name) }
  })
  await step('session_ended_while_saving', async () => {
    // Without the line the page learns of it by the refusal alone; what was refused is sent again, once.
    await page.route('**/api/v1/events*', (route) => route.abort())
    await typed(`sent-${stamp}`, 'Sent again')
    await endSession()
    await create.click()
    await again.waitFor()
    await signInAgain()
    await page.getByRole('heading', { name: 'Sent again' }).waitFor()
    await page.unroute('**/api/v1/events*')
    return { made: (await items(`/users?q=sent-${stamp}`)).map((one) => one.display_name) }
  })
  // Last, because from then on the account asks for more than a password.
  await step('second_factor', async () => {
    await page.goto(`${origin}/account/security`)
    await page.locator('section', { hasText: 'Authenticator app' }).getByRole('button', { name: 'Set up' }).click()
    const dialog = page.getByRole('dialog', { name: 'Set up an authenticator app' })
    const secret = await dialog.locator('code').first().innerText()
    await dialog.getByLabel('Code that the app shows now').fill(totp(secret, 0))
    await dialog.getByRole('button', { name: 'Turn on' }).click()
    const kept = page.getByRole('button', { name: 'I have kept them' })
    await kept.waitFor()
    const codes = await page.getByRole('dialog').locator('code').allInnerTexts()
    await kept.click()
    await page.getByRole('button', { name: /^Account of/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await fillSignIn(page, login, password)
    await page.getByLabel('Code').fill('000000')
    await page.getByRole('button', { name: 'Finish signing in' }).click()
    await page.getByRole('alert').waitFor()
    await picture('second-factor-refused')
    // A code is good once, and this step's was spent on setting up; a clock may be half a minute ahead.
    await page.getByLabel('Code').fill(totp(secret, 1))
    await page.getByRole('button', { name: 'Finish signing in' }).click()
    await page.locator('#main').waitFor()
    return { recovery_codes: codes.join(' ').split(/\s+/).filter((word) => word.length > 4).length, has_mfa: (await (await page.request.get(`${api}/me`)).json()).has_mfa }
  })
  await context.close()
}

/** What an authenticator app shows, so many steps of 30 s from now (RFC 6238). */
function totp(secret, ahead) {
  const bits = [...secret.replaceAll(/\s/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const digest = createHmac('sha1', key).update(counter).digest()
  return ((digest.readUInt32BE(digest[19] & 15) & 0x7fff_ffff) % 1_000_000).toString().padStart(6, '0')
}

try {
  mkdirSync(directory, { recursive: true })
  for (const look of LOOKS) if ([undefined, 'pages', look.name].includes(only)) await walk(look)
  if ([undefined, 'work'].includes(only)) await work()
  console.log(JSON.stringify(found, undefined, 1))
} finally {
  await browser.close()
}
