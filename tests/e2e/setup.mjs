// Opens a setup link as a person does: goes through the wizard, saves the configuration, and pictures what is shown.
//
//   node setup.mjs LINK DIRECTORY
//
// Prints what it found as JSON. Uses the machine's Chromium; nothing is downloaded.

import { join } from 'node:path'

import { launch } from './browser.mjs'

const [link, directory] = process.argv.slice(2)
const browser = await launch()
try {
  const page = await browser.newPage({ viewport: { width: 900, height: 1200 }, acceptDownloads: true, locale: 'en-GB' })
  const complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const requests = []
  page.on('request', (request) => requests.push({ url: request.url(), body: request.postData() ?? '' }))
  const picture = (name) => page.screenshot({ path: join(directory, `setup-${name}.png`), fullPage: true })
  const next = (part) => Promise.all([
    page.getByRole('heading', { name: part }).waitFor(),
    page.getByRole('button', { name: 'Next' }).click(),
  ])

  const other = await browser.newPage({ locale: 'en-GB' })
  await other.goto(link)
  await page.goto(link)
  await page.getByLabel('Login').fill('ada')
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple')
  await picture('owner')
  await next('Where devices reach this server')
  await page.getByLabel('Public host name').fill('vpn.example.org')
  await picture('address')
  await next('First network')
  await page.getByRole('button', { name: 'Back' }).click()
  await page.getByRole('button', { name: 'Back' }).click()
  const kept = await page.getByLabel('Login').inputValue()
  if (kept !== 'ada') throw new Error(`going back lost the login: ${kept}`)
  await next('Where devices reach this server')
  await next('First network')
  await picture('network')
  await next('First device')
  await page.getByRole('button', { name: 'Create my VPN' }).click()
  await page.getByRole('heading', { name: 'Your VPN is ready' }).waitFor()
  await picture('done')
  await page.getByRole('img', { name: 'QR code' }).screenshot({ path: join(directory, 'setup-qr.png') })
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Save .*\.conf$/ }).click(),
  ])
  await download.saveAs(join(directory, download.suggestedFilename()))
  // Nothing is ordered from an authority whose terms nobody agreed to.
  await page.getByRole('button', { name: 'Fetch a certificate' }).click()
  await page.getByText('Without that none is issued.').waitFor()
  const shown = page.url()
  const before = complaints.length

  // Somebody who had the link open meanwhile, and is too late.
  await other.getByLabel('Login').fill('mallory')
  await other.getByLabel('Password', { exact: true }).fill('correct horse battery staple')
  for (const part of ['Where devices reach this server', 'First network', 'First device']) {
    if (part === 'First network') await other.getByLabel('Public host name').fill('vpn.example.org')
    await other.getByRole('button', { name: 'Next' }).click()
    await other.getByRole('heading', { name: part }).waitFor()
  }
  await other.getByRole('button', { name: 'Create my VPN' }).click()
  await other.getByRole('alert').filter({ hasText: 'setup-link' }).waitFor()
  await other.screenshot({ path: join(directory, 'setup-refused.png'), fullPage: true })
  // And who opens it afterwards.
  await other.goto('about:blank')
  await other.goto(link)
  await other.getByRole('heading', { name: 'Already set up' }).waitFor()

  console.log(JSON.stringify({
    file: download.suggestedFilename(), shown, requests, complaints: complaints.slice(0, before),
  }))
} finally {
  await browser.close()
}
