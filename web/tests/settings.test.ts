import { expect, test } from 'vitest'

import { advance } from '../src/features/settings/advance'
import { certificateBody, certificateValues } from '../src/features/settings/certificate-section'
import { mailBody, mailValues } from '../src/features/settings/mail-section'
import type { Settings } from '../src/features/settings/queries'
import { changed, namesOf } from '../src/form/values'

const SETTINGS: Settings = {
  api_allowed_from: [], api_only_from_vpn: false, audit_retention_days: 365, audit_source_days: 90, language: 'en',
  login_unlimited_from: [], mfa_required_roles: [], outgoing_allowed: [], revision: 7, show_endpoints: false, tls_names: ['vpn.example.org'],
  usage_retention_days: 400,
  smtp: { host: 'mail.example.org', port: 587, security: 'starttls', username: 'vpn', from: 'vpn@example.org', ca_certificate: null },
  acme: { directory: 'https://ca.example.org/directory', method: 'http-01', terms_agreed: true, contact: null, eab_key_id: 'k1', dns: null, profile: null, ca_certificate: null },
}

test('a section whose values stay goes on under the new revision', () => {
  expect(advance({ a: 1 }, { a: 1 }, true)).toBe('follow')
})

test('a section that nobody types in takes the new values', () => {
  expect(advance({ a: 1 }, { a: 2 }, false)).toBe('take')
})

test('a section that is typed in holds what was typed when its values change elsewhere', () => {
  expect(advance({ a: 1 }, { a: 2 }, true)).toBe('hold')
})

test('nothing is sent where nothing was typed', () => {
  expect(changed(mailBody(mailValues(SETTINGS)), mailBody(mailValues(SETTINGS)))).toEqual({})
  expect(changed(certificateBody(certificateValues(SETTINGS)), certificateBody(certificateValues(SETTINGS)))).toEqual({})
})

test('another sender sends the mail server as a whole and no password', () => {
  const before = mailValues(SETTINGS)
  const after = { ...before, smtp: { ...before.smtp, from: 'office@example.org' } }

  const { smtp } = changed(mailBody(before), mailBody(after))

  expect(smtp).toMatchObject({ host: 'mail.example.org', from: 'office@example.org', username: 'vpn' })
  expect(smtp).not.toHaveProperty('password')
})

test('switching mail off sends null', () => {
  expect(mailBody({ ...mailValues(SETTINGS), on: false })).toEqual({ smtp: null })
})

test('names alone are changed without the authority', () => {
  const before = certificateValues(SETTINGS)

  expect(changed(certificateBody(before), certificateBody({ ...before, tls_names: 'vpn.example.org\nb.example.org' }))).toEqual({ tls_names: ['vpn.example.org', 'b.example.org'] })
})

test('a kept key of an account is named without its secret', () => {
  expect(certificateBody(certificateValues(SETTINGS)).acme?.eab).toEqual({ key_id: 'k1' })
})

test('fields are named down to where text stands', () => {
  expect(namesOf({ on: true, smtp: { host: '' }, roles: ['owner'], rows: [{ group: 'a' }] })).toEqual(['on', 'smtp.host', 'roles', 'rows.0.group'])
})
