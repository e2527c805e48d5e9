// Opens the sign-in page of a service with a certificate of its own making, and tells by which protocols the page and its files came.
//
//   node protocols.mjs ORIGIN CERTIFICATE tcp|quic
//
// Prints what it found as JSON. Uses the machine's Chromium; nothing is downloaded.

import { X509Certificate, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { launch } from './browser.mjs'

const [origin, certificate, how] = process.argv.slice(2)
// The browser is told which key to take, as a person who has compared the fingerprint would.
const key = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: 'spki', format: 'der' })
const pin = createHash('sha256').update(key).digest('base64')
const quic = how === 'quic' ? ['--enable-quic', `--origin-to-force-quic-on=${new URL(origin).host}`] : ['--disable-quic']
const browser = await launch(
  // The service listens on IPv4 alone.
  '--host-resolver-rules=MAP localhost 127.0.0.1', `--ignore-certificate-errors-spki-list=${pin}`, ...quic,
)
try {
  const page = await browser.newPage()
  const complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))

  const answer = await page.goto(`${origin}/sign-in`, { waitUntil: 'networkidle' })
  const protocols = await page.evaluate(() =>
    [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((it) => it.nextHopProtocol))
  const security = await answer.securityDetails()

  console.log(JSON.stringify({ status: answer.status(), protocols, certificate: security?.subjectName ?? '', complaints }))
} finally {
  await browser.close()
}
