// Makes and uses passkeys as a page does, with an authenticator that the browser plays itself.
//
//   node passkeys.mjs ORIGIN PASSWORD
//
// The service knows the admins `ada` and `bob`. Prints what happened as JSON. Uses the machine's Chromium; nothing is
// downloaded.

import { launch, passkeysOf } from './browser.mjs'

const [origin, password] = process.argv.slice(2)
const browser = await launch()
try {
  const page = await browser.newPage()
  await page.goto(`${origin}/`)
  const { devtools, plugIn } = await passkeysOf(page)
  const call = (method, path, token, body, tag) => page.evaluate(async ([method, path, token, body, tag]) => {
    const headers = {}
    if (token) headers.authorization = `Bearer ${token}`
    if (body) headers['content-type'] = 'application/json'
    if (tag) headers['if-match'] = tag
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })
    const text = await answer.text()
    return { status: answer.status, body: text && JSON.parse(text) }
  }, [method, path, token, body, tag])
  const make = (options) => page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey)
    return (await navigator.credentials.create({ publicKey })).toJSON()
  }, options)
  const use = (options) => page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey)
    return (await navigator.credentials.get({ publicKey })).toJSON()
  }, options)

  const byPassword = (login) => call('POST', '/sessions', null, { login, password })
  const register = async (token, name) => {
    const asked = (await call('POST', '/me/passkeys/begin', token)).body
    const body = { challenge: asked.challenge, name, credential: await make(asked.options) }
    const added = await call('POST', '/me/passkeys', token, body)
    const again = await call('POST', '/me/passkeys', token, body)
    return { added, again }
  }
  const finish = (challenge, credential) => call('POST', '/sessions/passkey', null, { challenge, credential })
  const alone = async () => {
    const asked = (await call('POST', '/sessions/passkey/begin')).body
    const credential = await use(asked.options)
    return { asked, credential, answer: await finish(asked.challenge, credential) }
  }
  const found = {}

  // The first passkey, and with it recovery codes.
  const builtIn = await plugIn('internal')
  let token = (await byPassword('ada')).body.access_token
  const first = await register(token, 'laptop')
  found.registered = {
    status: first.added.status, recovery_codes: first.added.body.recovery_codes?.length,
    has_mfa: (await call('GET', '/me', token)).body.has_mfa,
  }
  found.registered_again = first.again.status

  // As the second factor.
  const asked = await byPassword('ada')
  const answer = await use(asked.body.passkey_options)
  const second = await finish(asked.body.challenge, answer)
  found.second_factor = {
    asked: asked.status, methods: asked.body.methods, status: second.status,
    replayed: (await finish(asked.body.challenge, answer)).status,
  }

  // By itself.
  const whole = await alone()
  token = whole.answer.body.access_token
  const other = (await call('POST', '/sessions/passkey/begin')).body
  found.passwordless = {
    status: whole.answer.status, login: (await call('GET', '/me', token)).body.login,
    replayed: (await finish(whole.asked.challenge, whole.credential)).status,
    with_another_challenge: (await finish(other.challenge, whole.credential)).status,
  }

  // Ada's passkey answers the question that was asked of bob.
  const bobs = (await byPassword('bob')).body.access_token
  await register(bobs, 'telephone')
  const ofBob = (await byPassword('bob')).body
  const forged = structuredClone(ofBob.passkey_options)
  forged.publicKey.allowCredentials = [{ type: 'public-key', id: whole.credential.id }]
  found.answers_for_another = (await finish(ofBob.challenge, await use(forged))).status

  // A passkey that did not verify its user is one factor, and not enough.
  const lazy = (await byPassword('ada')).body
  lazy.passkey_options.publicKey.userVerification = 'discouraged'
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId: builtIn, isUserVerified: false })
  found.unverified = (await finish(lazy.challenge, await use(lazy.passkey_options))).status
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId: builtIn, isUserVerified: true })

  // A fresh proof.
  const question = (await call('POST', '/me/step-up/passkey/begin', token)).body
  const proof = { challenge: question.challenge, credential: await use(question.options) }
  found.stepped_up = {
    status: (await call('POST', '/me/step-up/passkey', token, proof)).status,
    replayed: (await call('POST', '/me/step-up/passkey', token, proof)).status,
  }

  // A second one, in another authenticator.
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId: builtIn })
  await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: builtIn })
  const stick = await plugIn('usb')
  const added = (await register(token, 'key')).added
  const list = (await call('GET', '/me/passkeys', token)).body.items
  const renamed = await call('PATCH', `/me/passkeys/${list[1].id}`, token, { name: 'stick' }, `"${list[1].revision}"`)
  found.second_passkey = {
    status: added.status, recovery_codes: added.body.recovery_codes, listed: list.map((key) => key.name),
    renamed: renamed.status,
  }

  // A copy of the first one, made before its last uses, counts from where it was.
  await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: stick })
  const copy = await plugIn('internal')
  const adas = credentials.find((key) => Buffer.from(key.credentialId, 'base64').toString('base64url') === whole.credential.id)
  await devtools.send('WebAuthn.addCredential', { authenticatorId: copy, credential: { ...adas, signCount: 0 } })
  found.copied = (await alone()).answer.status

  // A deleted one.
  await devtools.send('WebAuthn.removeCredential', { authenticatorId: copy, credentialId: adas.credentialId })
  await devtools.send('WebAuthn.addCredential', { authenticatorId: copy, credential: { ...adas, signCount: 1000 } })
  token = (await alone()).answer.body.access_token
  const gone = await call('DELETE', `/me/passkeys/${list[0].id}`, token)
  found.deleted = { status: gone.status, signs_in: (await alone()).answer.status }

  console.log(JSON.stringify(found))
} finally {
  await browser.close()
}
