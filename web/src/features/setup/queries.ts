// What the setup asks of the API.

import { api, atRevision, take } from '../../api/client'
import type { Schema } from '../../api/types'

/** Without cookies: an old session of this browser would contradict the link's token. */
export const runSetup = (token: string, body: Schema<'SetupRequest'>) =>
  take(api.POST('/setup', { body, headers: { Authorization: `Setup ${token}` }, credentials: 'omit' }))

export const certificates = () => take(api.GET('/certificates'))

export const renewCertificate = (name: string) => take(api.POST('/certificates/{name}/renew', { params: { path: { name } } }))

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

/** Has a certificate ordered for a name. An authority or an address of the panel's that is set already stays. */
export async function orderCertificate({ name, contact, isAddress }: { name: string; contact: string | null; isAddress: boolean }): Promise<void> {
  const settings = await take(api.GET('/settings'))
  const origin = `https://${name.includes(':') ? `[${name}]` : name}`
  // Let's Encrypt has certificates of addresses in that kind alone.
  const profile = isAddress ? { profile: 'shortlived' } : {}
  await take(
    api.PATCH('/settings', {
      ...settingsRevision(settings),
      body: {
        tls_names: [...new Set([...settings.tls_names, name])],
        ...(settings.acme ? {} : { acme: { directory: LETS_ENCRYPT, terms_agreed: true, method: 'http-01', ...(contact ? { contact } : {}), ...profile } }),
        ...(settings.panel_url ? {} : { panel_url: origin }),
      },
    }),
  )
}

function settingsRevision({ revision }: Schema<'SettingsView'>) {
  return { params: { header: atRevision({ id: '', revision }).params.header } }
}
