// Makes a WireGuard key pair in the browser. The private key is returned to the page and goes nowhere else.

export interface KeyPair {
  privateKey: string
  publicKey: string
}

/** A PKCS#8 X25519 private key ends in its 32 bytes (RFC 8410 §7). */
const KEY_BYTES = 32

/**
 * WebCrypto's X25519 where the browser has it. It is missing in older browsers and on every page that is not HTTPS or
 * localhost, such as http://192.0.2.1; there the audited @noble/curves does it with the browser's own random bytes.
 */
export async function makeKeyPair(subtle: SubtleCrypto | undefined = globalThis.crypto.subtle): Promise<KeyPair> {
  return (await fromWebCrypto(subtle)) ?? fromNoble()
}

async function fromWebCrypto(subtle: SubtleCrypto | undefined): Promise<KeyPair | undefined> {
  if (!subtle) return undefined
  try {
    const pair = await subtle.generateKey({ name: 'X25519' }, true, ['deriveBits'])
    if (!('privateKey' in pair)) return undefined
    const pkcs8 = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey))
    const raw = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
    return { privateKey: toBase64(pkcs8.slice(-KEY_BYTES)), publicKey: toBase64(raw) }
  } catch {
    return undefined
  }
}

/** Fetched only where it is needed: it is a tenth of what a page may weigh. */
async function fromNoble(): Promise<KeyPair> {
  const { x25519 } = await import('@noble/curves/ed25519.js')
  const secret = x25519.utils.randomSecretKey()
  return { privateKey: toBase64(secret), publicKey: toBase64(x25519.getPublicKey(secret)) }
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCodePoint(...bytes))
}
