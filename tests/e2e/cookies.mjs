// Signs a browser in by a cookie, behind a proxy that ends TLS, and attacks it from a page of somebody else's.
//
//   node cookies.mjs PORT LOGIN PASSWORD CERTIFICATE KEY
//
// The service listens on 127.0.0.1:PORT. Prints what happened as JSON. Uses the machine's Chromium; nothing is downloaded.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'

import { launch } from './browser.mjs'

const [port, login, password, cert, key] = process.argv.slice(2)
const pair = { cert: readFileSync(cert), key: readFileSync(key) }

let cookieWent = false
const proxy = https.createServer(pair, (request, response) => {
  const { method, url, headers } = request
  // A page of ours that asks for nothing by itself: the panel would, and its cookie would be taken for the attack's.
  if (url === '/quiet') {
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end('<!doctype html><title>Ours</title>')
    return
  }
  cookieWent ||= headers.cookie !== undefined
  const onward = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
})
const stranger = https.createServer(pair, (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end('<!doctype html><title>Somebody else</title>')
})
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)))
const ours = `https://vpn.casper.test:${await listen(proxy)}`
const theirPort = await listen(stranger)
const theirs = `https://evil.test:${theirPort}`
// The same site to a browser's SameSite, and another origin: a neighbour under the operator's own domain.
const neighbour = `https://wiki.casper.test:${theirPort}`

const browser = await launch('--host-resolver-rules=MAP *.test 127.0.0.1')
try {
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  await page.goto(`${ours}/quiet`)
  const call = (method, path, headers, body) => page.evaluate(async ([method, path, headers, body]) => {
    if (body) headers['content-type'] = 'application/json'
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })
    const text = await answer.text()
    return { status: answer.status, tag: answer.headers.get('etag'), body: text && JSON.parse(text) }
  }, [method, path, headers ?? {}, body])
  const found = {}

  const tokens = (await call('POST', '/sessions', {}, { login, password })).body
  const given = await call('POST', '/sessions/cookie', { authorization: `Bearer ${tokens.access_token}` })
  const proof = { 'x-csrf-token': given.body.csrf_token }
  const [cookie] = await context.cookies()
  found.cookie = {
    status: given.status, name: cookie.name, domain: cookie.domain, path: cookie.path, httpOnly: cookie.httpOnly,
    secure: cookie.secure, sameSite: cookie.sameSite, lasts: cookie.expires > 0,
    scripts_see: await page.evaluate(() => document.cookie),
  }

  await page.reload()
  const me = await call('GET', '/me')
  const name = { display_name: 'Ada L.' }
  found.own_page = {
    reads: me.status, proof_again: me.body.csrf_token === given.body.csrf_token,
    changes_without_proof: (await call('PATCH', '/me', { 'if-match': me.tag }, name)).status,
    changes: (await call('PATCH', '/me', { 'if-match': me.tag, ...proof }, name)).status,
  }

  // What each page of somebody else's can make the browser do, and whether the cookie goes with it.
  const attack = async (origin) => {
    const other = await context.newPage()
    await other.goto(origin)
    cookieWent = false
    const act = `${ours}/api/v1/me/sessions/end-others`
    const read = await other.evaluate((url) =>
      fetch(url, { credentials: 'include' }).then((answer) => answer.status, () => 'refused by the browser'), `${ours}/api/v1/me`)
    const blind = other.waitForResponse(act)
    await other.evaluate((url) => { fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }) }, act)
    const blindly = (await blind).status()
    const outcome = { read, blindly, cookie_went: cookieWent }
    await other.close()
    return outcome
  }
  found.stranger = await attack(theirs)
  found.neighbour = await attack(neighbour)

  const out = await call('DELETE', `/sessions/${given.body.session_id}`, proof)
  found.signed_out = { status: out.status, cookies: (await context.cookies()).length, reads: (await call('GET', '/me')).status }

  console.log(JSON.stringify(found))
} finally {
  await browser.close()
  proxy.close()
  stranger.close()
}
