// Goes through the setup and has a certificate ordered at its end, for a name that does not lead here yet.
//
//   node setup_certificate.mjs LINK DIRECTORY
//
// Says `looking` when the authority was told to look, and `failed` when the page tells why there is no certificate yet. Waits for a
// line each time: by the first the authority has been refused, by the second the name leads here, and it tries again.
// Prints what the page said on the way as JSON: each state, and each step in the moment it came to stand there.

import { join } from 'node:path'

import { launch, openPage, tell } from './browser.mjs'

const [link, directory] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [], states: [] }
  const { page } = await openPage(browser, found.complaints)
  const picture = (name) => page.screenshot({ path: join(directory, `setup-certificate-${name}.png`), fullPage: true })
  const next = async (heading) => {
    await page.getByRole('button', { name: 'Next' }).click()
    await page.getByRole('heading', { name: heading }).waitFor()
  }
  await page.goto(link)
  await page.getByLabel('Login').fill('ada')
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery staple')
  await next('Where devices reach this server')
  await page.getByLabel('Public host name').fill('vpn.example.org')
  await next('First network')
  await next('First device')
  await page.getByRole('button', { name: 'Create my VPN' }).click()
  await page.getByRole('heading', { name: 'Your VPN is ready' }).waitFor()

  const part = page.locator('section', { has: page.getByRole('heading', { name: 'Security of this page' }) })
  const order = part.getByRole('button', { name: 'Fetch a certificate' })
  // The authority that was set before is named, and nobody is asked for another's terms or for what would be thrown away.
  found.authority = await part.getByText('Authority:').innerText()
  found.asked = await part.getByRole('textbox').count()
  found.terms = await part.getByRole('checkbox').count()
  await picture('asked')
  await page.evaluate(() => {
    window.states = []
    window.steps = []
    const look = () => {
      const state = document.querySelector('[aria-live="polite"] .MuiChip-label')?.textContent
      if (state && window.states.at(-1) !== state) window.states.push(state)
      const steps = [...document.querySelectorAll('[role="log"] time + div')].map((line) => line.textContent)
      if (steps.length > (window.steps.at(-1)?.length ?? 0)) window.steps.push(steps)
    }
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  const calls = []
  page.on('request', (request) => calls.push(new URL(request.url()).pathname))
  const asked = () => calls.filter((path) => path.startsWith('/api/v1/certificates')).length
  /** How often the page asks while there is nothing new. The authority of the test gives up after 15 s: this is over before. */
  const askedMeanwhile = async () => {
    // What changed is told within a second, and read at once.
    await page.waitForTimeout(2000)
    const before = asked()
    await page.waitForTimeout(6000)
    return asked() - before
  }
  await order.click()
  await part.getByRole('log').getByText('The authority was told to look').waitFor()
  found.early = (await page.evaluate(() => window.steps)).at(-1)
  found.polled = await askedMeanwhile()
  await tell('looking')

  const warning = part.getByRole('alert').filter({ has: page.getByRole('button', { name: 'Try now' }) })
  await warning.waitFor({ timeout: 60_000 })
  found.why = await part.getByRole('log').innerText()
  await picture('failed')
  await tell('failed')

  await warning.getByRole('button', { name: 'Try now' }).click()
  await part.getByText('The certificate is there.').waitFor({ timeout: 60_000 })
  await picture('valid')
  await part.getByRole('log').getByText('Certificate in force').waitFor()
  found.states = await page.evaluate(() => window.states)
  found.steps = await page.evaluate(() => window.steps)
  found.listened = calls.filter((path) => path === '/api/v1/events').length
  found.logs = calls.filter((path) => path.endsWith('/log')).length
  found.leads_to = await part.getByRole('link', { name: 'Open the panel by its name' }).getAttribute('href')
  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
