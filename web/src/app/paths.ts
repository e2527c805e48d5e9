// Every address of the panel, in one place. The snapshot test keeps them from changing unnoticed: people bookmark them.

const noun = (base: string) => ({
  list: () => base,
  create: () => `${base}/new`,
  detail: (id: string) => `${base}/${encodeURIComponent(id)}`,
  edit: (id: string) => `${base}/${encodeURIComponent(id)}/edit`,
})

export const paths = {
  home: () => '/',
  /** `to` is the page that was asked for, to come back to. */
  signIn: (to = '/') => (to === '/' ? '/sign-in' : `/sign-in?to=${encodeURIComponent(to)}`),
  /** Where a window ends that was opened to sign in again. */
  signedIn: () => '/signed-in',
  forgot: () => '/forgot',
  setup: () => '/setup',
  reset: () => '/reset',
  invite: () => '/invite',
  link: () => '/link',
  users: noun('/users'),
  devices: noun('/devices'),
  networks: noun('/networks'),
  nodes: noun('/nodes'),
  invites: noun('/invites'),
  apiTokens: noun('/api-tokens'),
  webhooks: noun('/webhooks'),
  deliveries: noun('/webhook-deliveries'),
  identityProviders: noun('/identity-providers'),
  certificates: noun('/certificates'),
  jobs: noun('/jobs'),
  audit: noun('/audit'),
  limits: () => '/sign-in-limits',
  settings: () => '/settings',
  masterKey: () => '/master-key',
  about: () => '/about',
  docs: () => '/api-docs',
  account: () => '/account',
  security: () => '/account/security',
  sessions: () => '/account/sessions',
} as const
