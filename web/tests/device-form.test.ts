import { expect, test } from 'vitest'

import { bodyOf, newBodyOf, valuesOf } from '../src/features/devices/device-form.tsx'
import { setsLimits, touchesDevicesOf } from '../src/features/devices/use-why-not.ts'
import { platformOf } from '../src/ui/platform-help.tsx'

test('what is left empty is not said of a new device', () => {
  const body = newBodyOf({ ...valuesOf(undefined, 'u'), name: ' phone ' }, 'KEY')

  expect(body).toEqual({ name: 'phone', preshared_key: true, user_id: 'u', public_key: 'KEY' })
})

test('days and gigabytes are sent as seconds and bytes', () => {
  const body = newBodyOf({ ...valuesOf(undefined), name: 'phone', duration_s: '1.5', data_limit_bytes: '2.5' }, undefined)

  expect(body).toEqual({ name: 'phone', preshared_key: true, duration_s: 129_600, data_limit_bytes: 2_500_000_000 })
})

test('an emptied field takes the limit away from a device that is there', () => {
  expect(bodyOf({ ...valuesOf(undefined), name: 'phone' })).toMatchObject({ duration_s: null, expires_at: null, data_limit_bytes: null })
})

test('support helps with the devices of members and sets no limits', () => {
  expect(touchesDevicesOf('support', 'member')).toBe(true)
  expect(touchesDevicesOf('support', 'operator')).toBe(false)
  expect(touchesDevicesOf('operator', 'admin')).toBe(false)
  expect(setsLimits('support')).toBe(false)
  expect(setsLimits('operator')).toBe(true)
})

test('help begins with the machine that the reader holds', () => {
  expect(platformOf('Mozilla/5.0 (Linux; Android 15)', 5)).toBe('android')
  expect(platformOf('Mozilla/5.0 (Macintosh; Intel Mac OS X)', 5)).toBe('ios')
  expect(platformOf('Mozilla/5.0 (Macintosh; Intel Mac OS X)', 0)).toBe('macos')
  expect(platformOf('Mozilla/5.0 (Windows NT 10.0)', 0)).toBe('windows')
  expect(platformOf('Mozilla/5.0 (X11; Linux x86_64)', 0)).toBe('linux')
})
