// What the panel has pages for. A new noun is a folder under features/ (queries, list, detail, form), its texts, its
// paths, and an entry here.

import Api from '@mui/icons-material/Api'
import Dashboard from '@mui/icons-material/SpaceDashboardOutlined'
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
    key: 'home',
    section: 'vpn',
    icon: Dashboard,
    path: paths.home(),
    action: 'device_list',
    pages: { list: () => import('../features/overview/home') },
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
    key: 'docs',
    section: 'service',
    icon: Api,
    path: paths.docs(),
    action: 'me_get',
    pages: { list: () => import('../features/docs/docs') },
  },
]

