// What the panel has pages for. A new noun is a folder under features/ (queries, list, detail, form), its texts, its
// paths, and an entry here. Which pages it has follows from the files in its folder: list, create, detail and edit, or page
// where there is nothing to list.

import Api from '@mui/icons-material/Api'
import Certificate from '@mui/icons-material/CardMembershipOutlined'
import Devices from '@mui/icons-material/DevicesOutlined'
import Dns from '@mui/icons-material/DnsOutlined'
import Gavel from '@mui/icons-material/GavelOutlined'
import Hub from '@mui/icons-material/HubOutlined'
import Info from '@mui/icons-material/InfoOutlined'
import Key from '@mui/icons-material/KeyOutlined'
import Outbox from '@mui/icons-material/OutboxOutlined'
import Jobs from '@mui/icons-material/PendingActionsOutlined'
import People from '@mui/icons-material/PeopleOutlined'
import Invite from '@mui/icons-material/PersonAddAltOutlined'
import Audit from '@mui/icons-material/ReceiptLongOutlined'
import Settings from '@mui/icons-material/SettingsOutlined'
import Dashboard from '@mui/icons-material/SpaceDashboardOutlined'
import Provider from '@mui/icons-material/VerifiedUserOutlined'
import MasterKey from '@mui/icons-material/VpnKeyOutlined'
import Webhook from '@mui/icons-material/WebhookOutlined'
import type { ComponentType } from 'react'

import type { Action } from '../api/types'
import { paths } from './paths'

/** A module that holds a page. */
export type Load = () => Promise<{ Component: ComponentType }>

export interface Noun {
  /** Its key among the texts of `nav`. */
  key: string
  section: 'vpn' | 'people' | 'service'
  icon: ComponentType
  /** Its address, which is also the name of its folder. */
  path: string
  /** Who may do this sees the entry. */
  action: Action
}

export const NOUNS: Noun[] = [
  { key: 'home', section: 'vpn', icon: Dashboard, path: paths.home(), action: 'device_list' },
  { key: 'devices', section: 'vpn', icon: Devices, path: paths.devices.list(), action: 'device_list' },
  { key: 'networks', section: 'vpn', icon: Hub, path: paths.networks.list(), action: 'network_list' },
  { key: 'nodes', section: 'vpn', icon: Dns, path: paths.nodes.list(), action: 'node_list' },
  { key: 'users', section: 'people', icon: People, path: paths.users.list(), action: 'user_list' },
  { key: 'invites', section: 'people', icon: Invite, path: paths.invites.list(), action: 'invite_list' },
  { key: 'identityProviders', section: 'people', icon: Provider, path: paths.identityProviders.list(), action: 'identity_provider_list' },
  { key: 'apiTokens', section: 'people', icon: Key, path: paths.apiTokens.list(), action: 'api_token_list' },
  { key: 'limits', section: 'people', icon: Gavel, path: paths.limits(), action: 'ratelimit_list' },
  { key: 'certificates', section: 'service', icon: Certificate, path: paths.certificates.list(), action: 'certificate_list' },
  { key: 'webhooks', section: 'service', icon: Webhook, path: paths.webhooks.list(), action: 'webhook_list' },
  { key: 'deliveries', section: 'service', icon: Outbox, path: paths.deliveries.list(), action: 'webhook_delivery_list' },
  { key: 'jobs', section: 'service', icon: Jobs, path: paths.jobs.list(), action: 'job_list' },
  { key: 'audit', section: 'service', icon: Audit, path: paths.audit.list(), action: 'audit_list' },
  { key: 'settings', section: 'service', icon: Settings, path: paths.settings(), action: 'settings_get' },
  { key: 'masterKey', section: 'service', icon: MasterKey, path: paths.masterKey(), action: 'master_key_get' },
  { key: 'docs', section: 'service', icon: Api, path: paths.docs(), action: 'me_get' },
  { key: 'about', section: 'service', icon: Info, path: paths.about(), action: 'system_get' },
]

const FILES = import.meta.glob<{ Component: ComponentType }>('../features/*/{page,list,create,detail,edit}.tsx')

/** A page of a noun, fetched when somebody goes there. */
export function pageOf({ path }: Noun, page: 'page' | 'list' | 'create' | 'detail' | 'edit'): Load | undefined {
  return FILES[`../features${path === '/' ? '/overview' : path}/${page}.tsx`]
}
