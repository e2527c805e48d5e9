// Which address shows which page. Every page is fetched when somebody goes there.

import type { RouteObject } from 'react-router'

import { loadPanelTexts } from '../i18n'
import { Waiting } from '../ui/parts'
import { type Load, type Noun, NOUNS, pageOf } from './nouns'
import { paths } from './paths'
import { FormRouteFault, RouteFault } from './route-fault'

function page(path: string, lazy: Load, children?: RouteObject[]): RouteObject {
  return { path, lazy, ...(children ? { children } : {}) }
}

/** A page with texts beyond those that everybody gets. */
function inner(path: string, load: Load, children?: RouteObject[]): RouteObject {
  return page(path, withTexts(load), children)
}

function form(path: string, load: Load): RouteObject {
  return { path, lazy: withTexts(load), errorElement: <FormRouteFault /> }
}

function withTexts(load: Load): Load {
  return async () => (await Promise.all([load(), loadPanelTexts()]))[0]
}

/** Forms are dialogs over the page that they belong to, which stays when they fail. */
function nounRoutes(noun: Noun): RouteObject[] {
  const [main, create, detail, edit] = [pageOf(noun, 'list') ?? pageOf(noun, 'page'), pageOf(noun, 'create'), pageOf(noun, 'detail'), pageOf(noun, 'edit')]
  return [
    ...(main ? [(noun.path === paths.home() ? page : inner)(noun.path, main, create && [form('new', create)])] : []),
    ...(detail ? [inner(`${noun.path}/:id`, detail, edit && [form('edit', edit)])] : []),
  ]
}

/** Pages for who is not signed in. */
const DOORS: RouteObject[] = [
  page(paths.signIn(), () => import('../session/sign-in-page')),
  page(paths.signedIn(), async () => ({ Component: (await import('../session/sign-in-page')).SignedIn })),
  page(paths.setup(), () => import('../features/setup/page')),
  page(paths.invite(), () => import('../features/invites/accept')),
  page(paths.reset(), () => import('../features/password/reset')),
  page(paths.forgot(), () => import('../features/password/forgot')),
  page(paths.link(), () => import('../features/links/redeem')),
]

/** Pages of their own, beside those of the nouns. */
const SINGLE: RouteObject[] = [
  inner(paths.account(), () => import('../features/account/profile')),
  inner(paths.security(), () => import('../features/account/security')),
  inner(paths.sessions(), () => import('../features/account/sessions')),
]

export const routes: RouteObject[] = [
  {
    errorElement: <RouteFault />,
    HydrateFallback: Waiting,
    children: [
      ...DOORS,
      {
        path: '/',
        // Who comes by a link or to sign in does not wait for the frame.
        lazy: async () => ({ Component: (await import('./shell')).Shell }),
        children: [{ errorElement: <RouteFault />, children: [...SINGLE, ...NOUNS.flatMap(nounRoutes), page('*', () => import('./not-found'))] }],
      },
    ],
  },
]
