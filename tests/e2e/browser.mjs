// What the scripts here have in common: the machine's Chromium, contexts that note what their pages complain of, signing
// in, and a word with the test that started the script. Nothing is downloaded.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const { chromium } = require('playwright-core')

export const launch = (...args) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args],
})

/** A page with cookies of its own. What it complains of goes to `complaints`. */
export async function openPage(browser, complaints, { name = '', width = 1280, ...look } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, locale: 'en', acceptDownloads: true, reducedMotion: 'reduce', timezoneId: 'UTC', ...look,
  })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(`${name} ${page.url()}: ${error}`))
  page.on('console', (message) => {
    // A refusal that a page asked for, as of a thing that is not there, is no complaint of the page.
    if (['error', 'warning'].includes(message.type()) && !/Failed to load resource|Content Security Policy/.test(message.text())) {
      complaints.push(`${name} ${page.url()}: ${message.text()}`)
    }
  })
  return { context, page }
}

export async function signIn(page, origin, login, password) {
  await page.goto(`${origin}/sign-in`)
  await fillSignIn(page, login, password)
  await page.locator('#main').waitFor()
}

export async function fillSignIn(page, login, password) {
  await page.locator('input[autocomplete^="username"]').fill(login)
  await page.locator('input[type=password]').fill(password)
  await page.locator('button[type=submit]').click()
}

/** An act by the page's own session, beside what the page does. */
export async function byApi(page, method, path, data, headers = {}) {
  const { origin } = new URL(page.url())
  const { csrf_token: csrf } = await (await page.request.get(`${origin}/api/v1/me`)).json()
  const answer = await page.request.fetch(`${origin}/api/v1${path}`, { method, data, headers: { 'X-CSRF-Token': csrf, Origin: origin, ...headers } })
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`)
  const text = await answer.text()
  return text && JSON.parse(text)
}

/** What the API lists, to the page's own session. */
export async function items(page, path) {
  const answer = await page.request.get(`${new URL(page.url()).origin}/api/v1${path}`)
  if (!answer.ok()) throw new Error(`GET ${path}: ${answer.status()} ${await answer.text()}`)
  return (await answer.json()).items
}

/** Authenticators that the browser plays itself, for this page. */
export async function passkeysOf(page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const plugIn = async (transport) => {
    const options = {
      protocol: 'ctap2', ctap2Version: 'ctap2_1', transport, hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    }
    return (await devtools.send('WebAuthn.addVirtualAuthenticator', { options })).authenticatorId
  }
  return { devtools, plugIn }
}

/** Gives who is signed in a first passkey, on an authenticator that comes with it. */
export async function addPasskey(page, origin, name) {
  const { devtools, plugIn } = await passkeysOf(page)
  const authenticatorId = await plugIn('internal')
  await page.goto(`${origin}/account/security`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  const adding = page.getByRole('dialog', { name: 'Add a passkey' })
  await adding.getByLabel('Name').fill(name)
  await adding.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('button', { name: 'I have kept them' }).click()
  await page.getByText(name, { exact: true }).waitFor()
  return { devtools, authenticatorId }
}

/** Tells the test how far the script is, waits until it has done its part, and gives what it said. */
export async function tell(word) {
  console.log(word)
  listening ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { value, done } = await listening.next()
  if (done) throw new Error(`nobody answers ${word}`)
  return value
}

let listening
