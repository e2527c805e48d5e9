// The start page: members see their devices, everybody else how the service does.

import { lazy } from 'react'

import { loadPanelTexts } from '../../i18n'
import { useCan } from '../../session/use-me'
import { Overview } from './overview'

const MemberHome = lazy(async () => {
  const [{ MemberHome: Loaded }] = await Promise.all([import('../devices/member-home'), loadPanelTexts()])
  return { default: Loaded }
})

export function Component() {
  const can = useCan()
  return can('overview_get') ? <Overview /> : <MemberHome />
}
