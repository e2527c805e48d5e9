// The three pages of one's own account, under one heading.

import Tab from '@mui/material/Tab'
import Tabs from '@mui/material/Tabs'
import { type ReactNode, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'react-router'

import { paths } from '../../app/paths'
import { PageHeader } from '../../ui/parts'

export function AccountFrame({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation(['account', 'common'])
  const { pathname } = useLocation()
  // The heading is the same on all three; the window's title is not.
  useEffect(() => {
    document.title = `${title} · CasperVPN`
  }, [title])
  return (
    <>
      <PageHeader title={t('common:account.account')} />
      <Tabs value={pathname} component="nav" aria-label={t('tabs')} variant="scrollable" allowScrollButtonsMobile sx={{ mb: 2 }}>
        {[[paths.account(), t('tab.profile')], [paths.security(), t('common:account.security')], [paths.sessions(), t('common:account.sessions')]].map(([to = '', label]) => (
          <Tab key={to} value={to} component={Link} to={to} label={label} />
        ))}
      </Tabs>
      {children}
    </>
  )
}
