// What the setup asks of the API.

import { api, atRevision, take } from '../../api/client'
import type { Schema } from '../../api/types'

/** Without cookies: an old session of this browser would contradict the link's token. */
export const runSetup = (token: string, body: Schema<'SetupRequest'>) =>
  take(api.POST('/setup', { body, headers: { Authorization: `Setup ${token}` }, credentials: 'omit' }))

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

/**
 * Has a certificate ordered for a name, from Let's Encrypt where its terms were agreed to, else from the authority that is
 * set. An authority or an address of the panel's that is set already stays.
 */
export async function orderCertificate({ name, letsEncrypt }: { name: string; letsEncrypt: { contact: string | null; isAddress: boolean } | null }): Promise<void> {
  const settings = await take(api.GET('/settings'))
  const origin = `https://${name.includes(':') ? `[${name}]` : name}`
  await take(
    api.PATCH('/settings', {
      ...settingsRevision(settings),
      body: {
        tls_names: [...new Set([...settings.tls_names, name])],
        ...(letsEncrypt && !settings.acme ? { acme: fromLetsEncrypt(letsEncrypt) } : {}),
        ...(settings.panel_url ? {} : { panel_url: origin }),
      },
    }),
  )
}

function fromLetsEncrypt({ contact, isAddress }: { contact: string | null; isAddress: boolean }): Schema<'SetAcme'> {
  return {
    directory: LETS_ENCRYPT,
    terms_agreed: true,
    method: 'http-01',
    ...(contact ? { contact } : {}),
    // It has certificates of addresses in that kind alone.
    ...(isAddress ? { profile: 'shortlived' } : {}),
  }
}

function settingsRevision({ revision }: Schema<'SettingsView'>) {
  return { params: { header: atRevision({ id: '', revision }).params.header } }
}
