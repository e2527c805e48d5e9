// Watches the overview, a device's page and the list of devices while its client begins to talk.
//
//   node traffic.mjs ORIGIN LOGIN PASSWORD DIRECTORY DEVICE
//
// Says `watching`, waits for a line with what the service has counted, and prints as JSON what the pages came to show of
// it. Sizes are in bytes, as far as what is written tells them.

import { join } from 'node:path'

import { launch, openPage, signIn, tell } from './browser.mjs'

const UNITS = { B: 1, byte: 1, kB: 1e3, MB: 1e6, GB: 1e9 }
const WRITTEN = /([\d.,]+)\s(byte|B|kB|MB|GB)/u

const [origin, login, password, directory, id] = process.argv.slice(2)
const browser = await launch()
try {
  const found = { complaints: [], loaded: {} }
  const overview = await watch('overview', '/')
  const device = await watch('device', `/devices/${id}`)
  const list = await watch('list', '/devices')
  const row = list.getByRole('row').last()
  await row.getByText('Never', { exact: true }).waitFor()
  // From here on a list that is read anew says what it said: what the row comes to show, it was told.
  const asked = (url) => url.pathname === '/api/v1/devices'
  const before = await (await list.request.get(`${origin}/api/v1/devices`)).text()
  await list.route(asked, (route) => route.fulfill({ status: 200, contentType: 'application/json', body: before }))
  const figure = (page, name) => page.locator('#main section[aria-label="Figures"] .MuiCard-root', { hasText: name })
  const fact = async (name) => (await device.locator('dt', { hasText: new RegExp(`^${name}$`) }).locator('xpath=following-sibling::dd[1]').innerText()).trim()
  const online = async () => Number((await figure(overview, 'Devices online').locator('p').nth(1).innerText()).trim())
  await device.getByText('Never connected').waitFor()
  found.before = { online: await online(), seen: await fact('Last seen'), first_use: await fact('First used') }
  // Whatever the figure says while it moves.
  await overview.evaluate(() => {
    window.said = []
    const look = () => window.said.push(document.querySelector('section[aria-label="Figures"]').innerText)
    new MutationObserver(look).observe(document.querySelector('#main'), { subtree: true, childList: true, characterData: true })
  })

  const counted = JSON.parse(await tell('watching'))
  await until(async () => bytes(await fact('Download'), 'all') >= counted.tx_bytes * 0.99 && bytes(await fact('Upload'), 'all') >= counted.rx_bytes * 0.99)
  // Sums are read anew some seconds after a move, and days each minute. Nobody has to wait for that here.
  await device.clock.fastForward('00:11')
  await until(async () => bytes(await fact('Data used')) >= (counted.rx_bytes + counted.tx_bytes) * 0.99)
  await overview.clock.fastForward('01:01')
  await until(async () => (await today()).down >= counted.tx_bytes * 0.99)
  await until(async () => (await online()) === 1)
  await row.getByText('Online', { exact: true }).waitFor()
  await until(async () => bytes(await row.innerText()) >= (counted.rx_bytes + counted.tx_bytes) * 0.99)
  found.row = bytes(await row.innerText())

  found.now = { up: bytes(await fact('Upload'), 'all'), down: bytes(await fact('Download'), 'all') }
  found.days = await today()
  found.used = bytes(await fact('Data used'))
  found.seen = await fact('Last seen')
  found.first_use = await fact('First used')
  found.online = await online()
  found.of = (await figure(overview, 'Devices online').locator('p').nth(2).innerText()).trim()
  const rates = await overview.evaluate(() => window.said.map((text) => /Download now\s+([^\n]+)\/s/u.exec(text)?.[1] ?? ''))
  found.fastest = Math.max(0, ...rates.map((rate) => bytes(rate)))
  await overview.screenshot({ path: join(directory, 'traffic.png') })
  await device.screenshot({ path: join(directory, 'traffic-of-a-device.png'), fullPage: true })
  console.log(JSON.stringify(found))

  /** A page that is opened once, with a clock that can be put forward. */
  async function watch(name, path) {
    const { page } = await openPage(browser, found.complaints, { name })
    await page.clock.install()
    await signIn(page, origin, login, password)
    found.loaded[name] = 0
    page.on('load', () => { found.loaded[name] += 1 })
    await page.goto(origin + path)
    await page.locator('#main h1').waitFor()
    return page
  }

  /** The last row of the table that a screen reader has of the days. */
  async function today() {
    const row = overview.locator('section', { hasText: 'Traffic by day' }).locator('tbody tr').last()
    if ((await row.count()) === 0) return { down: 0, up: 0 }
    const [down, up] = await row.locator('td').allInnerTexts()
    return { down: bytes(down), up: bytes(up) }
  }
} finally {
  await browser.close()
}

/** The last size in a text, or of several the one before a word. */
function bytes(text, before = '') {
  const of = before ? text.split(before)[0].split('/s').at(-1) : text
  const [, number, unit] = WRITTEN.exec(of) ?? []
  return number === undefined ? -1 : Math.round(Number(number.replaceAll(',', '')) * UNITS[unit])
}

async function until(holds) {
  const deadline = Date.now() + 60_000
  let last
  while (!(last = await holds().catch((error) => { last = error; return false }))) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${holds}: ${last}`)
    await new Promise((done) => setTimeout(done, 250))
  }
}
