import jsQR from 'jsqr'
import { expect, test } from 'vitest'

import { makeQr, path, toSvg } from '../src/lib/qr.ts'

const CONFIG = `[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.86.0.2/32, fdab:1:0::2/128
DNS = 9.9.9.9, 149.112.112.112, 2620:fe::fe
[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
PresharedKey = +D1sTv8yhLrPYtqRhjpWXmrGeyBEoWJfYCUcVhsHHnE=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [2001:db8:1234:5678:9abc:def0:1234:5678]:51820
`

test('another reader reads from the code what was put in', () => {
  const qr = makeQr(CONFIG)
  if (!qr) throw new Error('no code')
  const scale = 4
  const side = qr.size * scale
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255)
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      if (qr.dark(Math.floor(x / scale), Math.floor(y / scale))) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3)
    }
  }

  expect(jsQR(pixels, side, side)?.data).toBe(CONFIG)
})

test('the drawing has a light border and no inline style', () => {
  const qr = makeQr('x')
  if (!qr) throw new Error('no code')
  const svg = toSvg(qr, 'code').outerHTML

  expect(path(qr)).toMatch(/^M4 4h7v1h-7z/)
  expect(svg).not.toContain('style')
})

test('a text too long for a code gives none', () => {
  expect(makeQr('x'.repeat(3000))).toBeUndefined()
})
