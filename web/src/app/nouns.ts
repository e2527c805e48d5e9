// What the panel has pages for. A new noun is a folder under features/ (queries, list, detail, form), its texts, its
// paths, and an entry here.

import Devices from '@mui/icons-material/DevicesOutlined'
import Dns from '@mui/icons-material/DnsOutlined'
import Hub from '@mui/icons-material/HubOutlined'
import People from '@mui/icons-material/PeopleOutlined'
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
    key: 'devices',
    section: 'vpn',
    icon: Devices,
    path: paths.devices.list(),
    action: 'device_list',
    pages: {
      list: () => import('../features/devices/list'),
      create: () => import('../features/devices/create'),
      detail: () => import('../features/devices/detail'),
      edit: () => import('../features/devices/edit'),
    },
  },
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
]

