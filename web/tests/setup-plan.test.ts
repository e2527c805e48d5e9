import { expect, test } from 'vitest'

import { namesOf } from '../src/form/values'
import { byteLength, passwordLength } from '../src/lib/password'
import { hostWarning, isCertifiable, partAtFault, randomUla, requestOf, setupSchema, type SetupValues, suggestedHost, suggestions } from '../src/features/setup/plan'

function good(): SetupValues {
  const values = suggestions('vpn.example.org', 'X11; Linux', 'Home')
  values.owner = { login: 'anna', password: 'correct horse' }
  return values
}

/** The fields that the schema finds fault with. */
function faults(values: SetupValues): string[] {
  return setupSchema((key) => key).safeParse(values).error?.issues.map(({ path }) => path.join('.')) ?? []
}

test('the suggestions and an owner are enough', () => {
  expect(faults(good())).toEqual([])
  expect(requestOf(good(), 'key')).toMatchObject({
    owner: { login: 'anna', password: 'correct horse' },
    endpoint: { host: 'vpn.example.org', port: 51_820 },
    network: { name: 'Home', ipv4: '10.86.0.0/16', dns: ['9.9.9.9', '149.112.112.112', '2620:fe::fe'] },
    device: { name: 'laptop', public_key: 'key' },
  })
})

test('a password is long enough by characters and too long by bytes, as the server counts', () => {
  expect(byteLength('ä€😀')).toBe(9)
  expect(passwordLength('ääääääääääää')).toBe('good')
  expect(passwordLength('eleven byte')).toBe('short')
  expect(passwordLength('x'.repeat(72))).toBe('long')
  expect(passwordLength('ä'.repeat(36))).toBe('long')
})

test.each([
  ['owner.login', 'a'],
  ['owner.login', '-anna'],
  ['owner.login', 'an na'],
  ['owner.password', 'eleven byte'],
  ['owner.password', 'x'.repeat(72)],
  ['endpoint.host', ''],
  ['endpoint.host', 'https://vpn.example.org'],
  ['endpoint.host', '[2001:db8::1]'],
  ['endpoint.port', '0'],
  ['endpoint.port', '65536'],
  ['endpoint.port', '1e3'],
  ['network.name', ' '],
  ['network.dns', ''],
  ['network.dns', '1.1.1.1, 1.0.0.1, 8.8.8.8, 8.8.4.4, 9.9.9.9'],
  ['device.name', ''],
])('%s does not take "%s"', (field, value) => {
  const [part = '', name = ''] = field.split('.')
  const values = good()
  Object.assign(Reflect.get(values, part) as object, { [name]: value })

  expect([...new Set(faults(values))]).toEqual([field])
})

test('one of the two ranges may be empty, not both', () => {
  const values = good()
  values.network.ipv6 = ''
  expect(faults(values)).toEqual([])
  expect(requestOf(values, '').network.ipv6).toBeNull()

  values.network.ipv4 = ' '
  expect(faults(values)).toEqual(['network.ipv4'])
})

test('the suggested IPv6 range is a random ULA', () => {
  expect(randomUla(new Uint8Array([0xab, 0x00, 0x01, 0x00, 0x00]))).toBe('fdab:1:0::/64')
  expect(randomUla()).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/)
  expect(randomUla()).not.toBe(randomUla())
})

test('an address from the URL loses its brackets', () => {
  expect(suggestedHost('[2001:db8::1]')).toBe('2001:db8::1')
  expect(suggestedHost('vpn.example.org')).toBe('vpn.example.org')
})

test.each([
  ['loopback', ['localhost', 'vpn.localhost', '127.0.0.1', '::1', '0.0.0.0']],
  ['private', ['192.168.1.5', '10.1.2.3', '172.20.0.1', '169.254.1.1', '100.64.0.1', 'fe80::1', 'fd00::1']],
  ['local', ['raspberrypi.local', 'nas.home.arpa', 'server', 'vpn.lan', 'box.local.']],
  [undefined, ['vpn.example.org', '203.0.113.9', '172.32.0.1', '2001:db8::1', '100.128.0.1', '']],
])('hosts that others do not reach are called %s', (word, hosts) => {
  expect(hosts.map((host) => hostWarning(host))).toEqual(hosts.map(() => word))
})

test('only what the internet reaches can have a certificate', () => {
  expect(['vpn.example.org', '203.0.113.9'].every(isCertifiable)).toBe(true)
  expect(['', 'localhost', '10.0.0.1', 'nas.local'].some(isCertifiable)).toBe(false)
})

test('a fault leads to the first part that has one', () => {
  expect(partAtFault({ device: {}, endpoint: {} })).toBe('endpoint')
  expect(partAtFault({})).toBeUndefined()
})

test('fields of parts are named by their path, lists whole', () => {
  expect(namesOf({ owner: { login: '' }, network: { dns: ['a'], ipv4: null }, name: '' })).toEqual(['owner.login', 'network.dns', 'network.ipv4', 'name'])
})
