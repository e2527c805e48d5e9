// What the palette offers before anything is asked of the server: pages and acts that this role may use.

import { reach } from '../../api/access'
import type { Action, Role } from '../../api/types'
import { NOUNS } from '../nouns'
import { paths } from '../paths'

export interface Entry {
  id: string
  text: string
  /** More of it, as a login beside a name. */
  note?: string
  to: string
}

export interface Group {
  key: 'pages' | 'acts' | 'users' | 'devices' | 'networks'
  entries: Entry[]
}

type Words = (key: string) => string

/** What is made often enough to be reached from everywhere. */
const ACTS: readonly { key: string; noun: string; action: Action; to: string }[] = [
  { key: 'newDevice', noun: 'devices', action: 'device_create', to: paths.devices.create() },
  { key: 'newUser', noun: 'users', action: 'user_create', to: paths.users.create() },
  { key: 'newInvite', noun: 'invites', action: 'invite_create', to: paths.invites.create() },
  { key: 'newNetwork', noun: 'networks', action: 'network_create', to: paths.networks.create() },
  { key: 'newNode', noun: 'nodes', action: 'node_create', to: paths.nodes.create() },
  { key: 'newApiToken', noun: 'apiTokens', action: 'api_token_create', to: paths.apiTokens.create() },
  { key: 'newWebhook', noun: 'webhooks', action: 'webhook_create', to: paths.webhooks.create() },
]

const ACCOUNT = ['account', 'security', 'sessions'] as const

export function pagesAndActs(role: Role, t: Words): Group[] {
  const may = (action: Action) => reach(role, action) !== 'none'
  const known = new Set(NOUNS.map(({ key }) => key))
  return [
    {
      key: 'pages',
      entries: [
        ...NOUNS.filter(({ action }) => may(action)).map(({ key, path }) => ({ id: `page-${key}`, text: t(`nav.${key}`), to: path })),
        ...ACCOUNT.map((key) => ({ id: `page-${key}`, text: t(`account.${key}`), to: paths[key]() })),
      ],
    },
    {
      key: 'acts',
      entries: ACTS.filter(({ noun, action }) => known.has(noun) && may(action)).map(({ key, to }) => ({ id: `act-${key}`, text: t(`palette.${key}`), to })),
    },
  ]
}

/** What fits the words that were written, each word somewhere; groups that hold nothing are left out. */
export function matching(groups: readonly Group[], text: string, language: string): Group[] {
  const words = fold(text, language).split(/\s+/).filter(Boolean)
  return groups
    .map(({ key, entries }) => ({ key, entries: entries.filter((entry) => words.every((word) => fold(entry.text, language).includes(word))) }))
    .filter(({ entries }) => entries.length > 0)
}

/** Without case and accents, so that "gerate" finds "Geräte". */
function fold(text: string, language: string): string {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLocaleLowerCase(language)
}
