// What kind of device reads this page, as far as a browser says.

export const PLATFORMS = ['android', 'ios', 'windows', 'macos', 'linux', 'router'] as const
export type Platform = (typeof PLATFORMS)[number]

export function platformOf(userAgent: string): Platform {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'ios'
  if (userAgent.includes('Android')) return 'android'
  if (userAgent.includes('Windows')) return 'windows'
  return userAgent.includes('Mac OS') ? 'macos' : 'linux'
}

/** What a first device may be called. */
export function suggestedDevice(userAgent: string): string {
  if (/iPhone|Android.*Mobile/.test(userAgent)) return 'phone'
  return /iPad|Android/.test(userAgent) ? 'tablet' : 'laptop'
}
