// What the panel has pages for. A new noun is a folder under features/ (queries, list, detail, form), its texts, its
// paths, and an entry here.

import Certificate from '@mui/icons-material/VerifiedUserOutlined'
import Dns from '@mui/icons-material/DnsOutlined'
import Hub from '@mui/icons-material/HubOutlined'
import People from '@mui/icons-material/PeopleOutlined'
import Settings from '@mui/icons-material/SettingsOutlined'
import type { ComponentType } from 'react'

import type { Action } from '../api/types'
import { paths } from './paths'

/** A module that holds a page. */
export type Load = () => Promise<{ Component: ComponentType }>

export interface Noun {
  /** Its key among the texts of `nav` and its folder under `features/`. */
  key: string
  section: 'vpn' | 'people' | 'service'
  icon: ComponentType
  path: string
  /** Who may do this sees the entry. */
  action: Action
  pages: { list: Load; create?: Load; detail?: Load; edit?: Load }
}

export const NOUNS: Noun[] = [
  {
    key: 'networks',
    section: 'vpn',
    icon: Hub,
    path: paths.networks.list(),
    action: 'network_list',
    pages: {
      list: () => import('../features/networks/list'),
      create: () => import('../features/networks/create'),
      detail: () => import('../features/networks/detail'),
      edit: () => import('../features/networks/edit'),
    },
  },
  {
    key: 'nodes',
    section: 'vpn',
    icon: Dns,
    path: paths.nodes.list(),
    action: 'node_list',
    pages: {
      list: () => import('../features/nodes/list'),
      create: () => import('../features/nodes/create'),
      detail: () => import('../features/nodes/detail'),
      edit: () => import('../features/nodes/edit'),
    },
  },
  {
    key: 'users',
    section: 'people',
    icon: People,
    path: paths.users.list(),
    action: 'user_list',
    pages: {
      list: () => import('../features/users/list'),
      create: () => import('../features/users/create'),
      detail: () => import('../features/users/detail'),
      edit: () => import('../features/users/edit'),
    },
  },
  {
    key: 'certificates',
    section: 'service',
    icon: Certificate,
    path: paths.certificates.list(),
    action: 'certificate_list',
    pages: { list: () => import('../features/certificates/list'), detail: () => import('../features/certificates/detail') },
  },
  {
    key: 'settings',
    section: 'service',
    icon: Settings,
    path: paths.settings(),
    action: 'settings_get',
    pages: { list: () => import('../features/settings/list') },
  },
]
