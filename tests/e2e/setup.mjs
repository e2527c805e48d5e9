// Opens a setup link as a person does: fills the form, saves the configuration, and pictures what is shown.
//
//   node setup.mjs LINK DIRECTORY
//
// Prints what it found as JSON. Uses the machine's Chromium; nothing is downloaded.

import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const { chromium } = require('playwright-core')

const [link, directory] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
try {
  const page = await browser.newPage({ viewport: { width: 900, height: 1200 }, acceptDownloads: true })
  const complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const requests = []
  page.on('request', (request) => requests.push({ url: request.url(), body: request.postData() ?? '' }))

  await page.goto(link)
  await page.getByLabel('Login').fill('ada')
  await page.getByLabel('Password').fill('correct horse battery staple')
  await page.getByLabel('Public host name').fill('vpn.example.org')
  await page.screenshot({ path: join(directory, 'setup-form.png'), fullPage: true })
  await page.getByRole('button', { name: 'Create my VPN' }).click()
  await page.getByRole('heading', { name: 'Your VPN is ready' }).waitFor()
  await page.screenshot({ path: join(directory, 'setup-done.png'), fullPage: true })
  await page.locator('svg.qr').screenshot({ path: join(directory, 'setup-qr.png') })
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Save .*\.conf$/ }).click(),
  ])
  await download.saveAs(join(directory, download.suggestedFilename()))
  const shown = page.url()

  await page.goto('about:blank')
  await page.goto(link)
  await page.getByLabel('Login').fill('mallory')
  await page.getByLabel('Password').fill('correct horse battery staple')
  await page.getByLabel('Public host name').fill('vpn.example.org')
  const before = complaints.length
  await page.getByRole('button', { name: 'Create my VPN' }).click()
  await page.getByRole('alert').filter({ hasText: 'setup-link' }).waitFor()
  await page.screenshot({ path: join(directory, 'setup-refused.png'), fullPage: true })

  console.log(JSON.stringify({
    file: download.suggestedFilename(), shown, requests, complaints: complaints.slice(0, before),
  }))
} finally {
  await browser.close()
}
