import { expect, test } from 'vitest'

import { deviceName, fileName, forQr, lacksPrivateKey, withPrivateKey } from '../src/lib/conf.ts'

const KEY = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='
const CONFIG = `# CasperVPN client configuration
# friendly_name = Anna's laptop

[Interface]
# Only your device knows its private key: write it after the equals sign.
PrivateKey = 
Address = 10.86.0.2/32
DNS = 9.9.9.9

[Peer]
PublicKey = ${KEY}
Endpoint = vpn.example.org:51820
`

test('the key fills the place the server left, and the remark goes', () => {
  const filled = withPrivateKey(CONFIG, KEY)

  expect(filled).toContain(`[Interface]\nPrivateKey = ${KEY}\nAddress`)
  expect(filled).not.toContain('Only your device')
  expect(lacksPrivateKey(CONFIG)).toBe(true)
  expect(lacksPrivateKey(filled)).toBe(false)
})

test('any placeholder text is replaced and the public key stays', () => {
  const filled = withPrivateKey('[Interface]\nPrivateKey = <your private key>\n\n[Peer]\nPublicKey = abc\n', '$&')

  expect(filled).toBe('[Interface]\nPrivateKey = $&\n\n[Peer]\nPublicKey = abc\n')
})

test('a configuration without the line gets one', () => {
  expect(withPrivateKey('[Interface]\nAddress = 10.0.0.2/32\n', KEY)).toBe(`[Interface]\nPrivateKey = ${KEY}\nAddress = 10.0.0.2/32\n`)
})

test('the text for a QR code has neither remarks nor blank lines', () => {
  const lines = forQr(withPrivateKey(CONFIG, KEY)).split('\n')

  expect(lines[0]).toBe('[Interface]')
  expect(lines.filter((line) => line === '' || line.startsWith('#'))).toEqual([''])
})

test.each([
  ["Anna's laptop", 'Anna-s-laptop.conf'],
  ['a very long device name', 'a-very-long-dev.conf'],
  ['Büro', 'Bu-ro.conf'],
  ['../../etc/passwd', 'etc-passwd.conf'],
  ['日本', 'caspervpn.conf'],
])('%s is saved as %s', (name, file) => {
  expect(fileName(name)).toBe(file)
})

test('the device name is read from the remarks', () => {
  expect(deviceName(CONFIG)).toBe("Anna's laptop")
  expect(deviceName('[Interface]')).toBe('')
})
