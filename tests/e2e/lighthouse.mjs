// Measures pages as Lighthouse does for a desktop, signed in where they want it.
//
//   node lighthouse.mjs ADDRESS LOGIN PASSWORD DIRECTORY PATH...
//
// Prints for each path its scores (0 to 100) and what the checks that are not about speed found. Uses the machine's Chromium.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const { chromium } = require('playwright-core')
const { default: lighthouse, desktopConfig } = await import(require.resolve('lighthouse'))

const CATEGORIES = ['performance', 'accessibility', 'best-practices']
const [address, login, password, , ...paths] = process.argv.slice(2)
const port = await freePort()
const profile = mkdtempSync(join(tmpdir(), 'lighthouse-'))
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    `--remote-debugging-port=${port}`, '--no-sandbox', '--disable-gpu', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--ignore-certificate-errors',
  ],
})
try {
  const found = {}
  for (const path of paths) {
    if (path !== '/sign-in') await signIn()
    // eslint-disable-next-line no-await-in-loop -- pages that are measured at once slow each other down
    found[path] = await measure(new URL(path, address).href)
  }
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}

async function signIn() {
  const page = await browser.newPage()
  await page.goto(new URL('/', address).href)
  const name = page.getByLabel('Login')
  await name.or(page.locator('#main')).first().waitFor()
  if (await name.isVisible()) {
    await name.fill(login)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.locator('#main').waitFor()
  }
  await page.close()
}

async function measure(url) {
  const options = { port, output: 'json', logLevel: 'error', onlyCategories: CATEGORIES, disableStorageReset: true }
  const { lhr } = await lighthouse(url, options, desktopConfig)
  const scores = Object.fromEntries(CATEGORIES.map((name) => [name, Math.round((lhr.categories[name].score ?? 0) * 100)]))
  const wrong = ['accessibility', 'best-practices'].flatMap((name) =>
    lhr.categories[name].auditRefs
      .map(({ id, weight }) => ({ ...lhr.audits[id], weight }))
      .filter(({ score, weight }) => weight > 0 && score !== null && score < 1)
      .map(({ id, title, details }) => ({ id, title, items: details?.items?.slice(0, 5) })),
  )
  return { shown: lhr.finalDisplayedUrl, scores, wrong }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: found } = server.address()
      server.close(() => resolve(found))
    })
  })
}
