// A certified OpenID Connect provider on a loopback port: https://github.com/panva/node-oidc-provider.
//
//   node provider.mjs CLIENT SECRET
//
// Prints its issuer, reads the redirect URI from standard input, then prints `ready`. Anybody may sign in, with any password;
// a login that begins with `boss` is in the group `staff`. It ends with its standard input.

import { createRequire } from 'node:module'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const require = createRequire(new URL('../../web/package.json', import.meta.url))
const { Provider } = await import(require.resolve('oidc-provider'))

const [clientId, clientSecret] = process.argv.slice(2)
const server = createServer()
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
console.log(issuer)

const input = createInterface({ input: process.stdin })
input.once('line', (redirect) => {
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirect] }],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    cookies: { keys: ['a key of the test'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: `Somebody called ${id}`,
        preferred_username: id,
        email: `${id}@example.org`,
        email_verified: true,
        groups: id.startsWith('boss') ? ['staff'] : [],
      }),
    }),
  })
  server.on('request', provider.callback())
  console.log('ready')
})
input.on('close', () => process.exit(0))
