// Works on the text of a WireGuard client configuration.

const PRIVATE_KEY = /^PrivateKey[ \t]*=[ \t]*(?<value>.*)$/m

/** Whether the configuration still waits for the key that only the device knows. */
export function lacksPrivateKey(config: string): boolean {
  const value = PRIVATE_KEY.exec(config)?.groups?.['value']
  return value === undefined || !/^[A-Za-z0-9+/]{43}=$/.test(value.trim())
}

/** Puts the key where the server left its place, and takes away the remark that explained the gap. */
export function withPrivateKey(config: string, privateKey: string): string {
  if (!PRIVATE_KEY.test(config)) return config.replace(/^\[Interface\][ \t]*$/m, `[Interface]\nPrivateKey = ${privateKey}`)
  return config.replace(/^#.*private key.*\n(?=PrivateKey)/im, '').replace(PRIVATE_KEY, () => `PrivateKey = ${privateKey}`)
}

/** The configuration without remarks and blank lines: fewer bytes make larger squares in a QR code. */
export function forQr(config: string): string {
  const lines = config.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return `${lines.join('\n')}\n`
}

/** A file name that WireGuard takes as the tunnel's name: at most 15 of a few characters. */
export function fileName(device: string): string {
  const name = device
    .normalize('NFKD')
    .replaceAll(/[^A-Za-z0-9_=+.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 15)
  return `${name || 'caspervpn'}.conf`
}

/** The name that the server wrote into the configuration's first remarks. */
export function deviceName(config: string): string {
  return /^# friendly_name = (?<name>.+)$/m.exec(config)?.groups?.['name']?.trim() ?? ''
}
