import { expect, test } from 'vitest'

import { byteLength, check, hostWarning, passwordCount, randomUla, suggestedHost, suggestions, toRequest } from '../src/lib/setup.ts'

const GOOD = { ...suggestions('vpn.example.org', 'X11; Linux'), '/owner/login': 'anna', '/owner/password': 'correct horse' }

test('the suggestions and an owner are enough', () => {
  expect([...check(GOOD)]).toEqual([])
  expect(toRequest(GOOD, 'key')).toMatchObject({
    owner: { login: 'anna', password: 'correct horse' },
    endpoint: { host: 'vpn.example.org', port: 51_820 },
    network: { name: 'Home', ipv4: '10.86.0.0/16', dns: ['9.9.9.9', '149.112.112.112', '2620:fe::fe'] },
    device: { name: 'laptop', public_key: 'key' },
  })
})

test('a password is counted in bytes, as bcrypt does', () => {
  expect(byteLength('ä€😀')).toBe(9)
  expect(passwordCount('ääääää')).toBe('12 bytes, good.')
  expect(passwordCount('short')).toContain('5 of at least 12')
  expect(passwordCount('x'.repeat(72))).toContain('at most 71')
})

test.each([
  ['/owner/login', 'a'],
  ['/owner/login', '-anna'],
  ['/owner/login', 'an na'],
  ['/owner/password', 'eleven byte'],
  ['/owner/password', 'x'.repeat(72)],
  ['/endpoint/host', ''],
  ['/endpoint/host', 'https://vpn.example.org'],
  ['/endpoint/host', '[2001:db8::1]'],
  ['/endpoint/port', '0'],
  ['/endpoint/port', '65536'],
  ['/endpoint/port', '1e3'],
  ['/network/name', ' '],
  ['/network/dns', ''],
  ['/network/dns', '1.1.1.1, 1.0.0.1, 8.8.8.8, 8.8.4.4, 9.9.9.9'],
  ['/device/name', ''],
])('%s does not take "%s"', (pointer, value) => {
  expect([...check({ ...GOOD, [pointer]: value }).keys()]).toEqual([pointer])
})

test('one of the two ranges may be empty, not both', () => {
  expect(check({ ...GOOD, '/network/ipv6': '' }).size).toBe(0)
  expect(toRequest({ ...GOOD, '/network/ipv6': '' }, '').network.ipv6).toBeNull()
  expect(check({ ...GOOD, '/network/ipv4': '', '/network/ipv6': '' }).has('/network/ipv4')).toBe(true)
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

test('a host that others cannot reach is said so', () => {
  expect(hostWarning('localhost')).toContain('Only this machine')
  expect(hostWarning('127.0.0.1')).toContain('Only this machine')
  expect(hostWarning('192.168.1.5')).toContain('private')
  expect(hostWarning('vpn.example.org')).toBe('')
  expect(hostWarning('203.0.113.9')).toBe('')
})
