// The start page: members see their devices, everybody else how the service does.

import { lazy } from 'react'

import { useCan } from '../../session/use-me'
import { Overview } from './overview'

const MemberHome = lazy(async () => ({ default: (await import('../devices/member-home')).MemberHome }))

export function Component() {
  const can = useCan()
  return can('overview_get') ? <Overview /> : <MemberHome />
}
