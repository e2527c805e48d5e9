import { x25519 } from '@noble/curves/ed25519.js'
import { expect, test } from 'vitest'

import { makeKeyPair } from '../src/lib/keys.ts'

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.codePointAt(0) ?? 0)
}

const refusing = { generateKey: () => Promise.reject(new Error('X25519 is unknown')) } as unknown as SubtleCrypto

for (const [source, subtle] of [['WebCrypto', globalThis.crypto.subtle], ['no WebCrypto', undefined], ['a WebCrypto without X25519', refusing]] as const) {
  test(`the pair from ${source} is one that WireGuard accepts`, async () => {
    const pair = await (subtle ? makeKeyPair(subtle) : withoutSubtle())

    expect(bytes(pair.privateKey)).toHaveLength(32)
    expect(x25519.getPublicKey(bytes(pair.privateKey))).toEqual(bytes(pair.publicKey))
  })
}

test('two pairs differ', async () => {
  const [one, other] = await Promise.all([makeKeyPair(), makeKeyPair()])

  expect(one.privateKey).not.toBe(other.privateKey)
})

async function withoutSubtle() {
  const whole = globalThis.crypto
  const partial = { getRandomValues: whole.getRandomValues.bind(whole) }
  Object.defineProperty(globalThis, 'crypto', { value: partial, configurable: true })
  try {
    return await makeKeyPair()
  } finally {
    Object.defineProperty(globalThis, 'crypto', { value: whole, configurable: true })
  }
}
