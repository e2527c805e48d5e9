import { paths } from '../../app/paths'

const PAGES: Record<string, (id: string) => string> = {
  user: paths.users.detail,
  device: paths.devices.detail,
  network: paths.networks.detail,
  node: paths.nodes.detail,
  invite: paths.invites.detail,
  api_token: paths.apiTokens.detail,
  webhook: paths.webhooks.detail,
  identity_provider: paths.identityProviders.detail,
  certificate: paths.certificates.detail,
  settings: paths.settings,
}

/** The page of what was acted on, where it has one. */
export function targetPath(kind: string, id: string | null | undefined): string | undefined {
  const page = PAGES[kind]
  return page && (id || kind === 'settings') ? page(id ?? '') : undefined
}

/** Kinds of things that the audit speaks of. */
export const TARGET_KINDS = [
  'user', 'session', 'device', 'network', 'node', 'node_network', 'invite', 'api_token', 'identity_provider', 'external_identity', 'passkey', 'webhook', 'webhook_delivery', 'certificate', 'settings', 'master_key', 'setup',
] as const
