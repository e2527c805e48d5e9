// The frame of every page for who is signed in: the way around on the side, account and choices on top.

import AccountCircle from '@mui/icons-material/AccountCircleOutlined'
import MenuIcon from '@mui/icons-material/Menu'
import AppBar from '@mui/material/AppBar'
import Box from '@mui/material/Box'
import Divider from '@mui/material/Divider'
import Drawer from '@mui/material/Drawer'
import IconButton from '@mui/material/IconButton'
import LinearProgress from '@mui/material/LinearProgress'
import Link from '@mui/material/Link'
import Menu from '@mui/material/Menu'
import MenuItem from '@mui/material/MenuItem'
import Toolbar from '@mui/material/Toolbar'
import Tooltip from '@mui/material/Tooltip'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink, Navigate, Outlet, useLocation, useNavigate, useNavigation } from 'react-router'

import { ApiProblem } from '../api/problem'
import icon from '../icon.svg'
import { Doorkeeper } from '../session/doorkeeper'
import { meQuery } from '../session/session'
import { useMe } from '../session/use-me'
import { useSignOut } from '../session/use-sign-out'
import { Fault } from '../ui/fault'
import { Waiting } from '../ui/parts'
import { LiveDot, LiveProvider } from './live'
import { LookMenus } from './look-menus'
import { Navigation } from './navigation'
import { PaletteButton } from './palette/palette-button'
import { paths } from './paths'

const DRAWER_PX = 232

/** Waits for who it is; who is nobody is sent to sign in, and comes back to the page that was asked for. */
export function Shell() {
  const me = useQuery(meQuery)
  const { pathname, search } = useLocation()
  // Who is known stays known while the server is away; where the session has ended, the doorkeeper asks over the page.
  if (me.data) {
    return (
      <LiveProvider>
        <Frame />
      </LiveProvider>
    )
  }
  if (me.error instanceof ApiProblem && me.error.status === 401) return <Navigate replace to={paths.signIn(pathname + search)} />
  if (me.error) return <Fault error={me.error} onRetry={() => void me.refetch()} />
  return <Waiting />
}

function Frame() {
  const { t } = useTranslation()
  const { state } = useNavigation()
  const [open, setOpen] = useState(false)
  return (
    <Box sx={{ display: 'flex' }}>
      <Link href="#main" sx={{ position: 'absolute', left: -9999, '&:focus': { left: 8, top: 8, zIndex: 'tooltip', bgcolor: 'background.paper', p: 1 } }}>
        {t('skip')}
      </Link>
      <AppBar position="fixed" color="inherit" elevation={0} sx={{ borderBottom: 1, borderColor: 'divider', zIndex: (theme) => theme.zIndex.drawer + 1, bgcolor: 'background.paper' }}>
        {state !== 'idle' && <LinearProgress sx={{ position: 'absolute', top: 0, insetInline: 0, height: 2 }} aria-label={t('waiting')} />}
        <Toolbar variant="dense" sx={{ gap: 1 }}>
          <IconButton edge="start" color="inherit" aria-label={t('nav.open')} sx={{ display: { md: 'none' } }} onClick={() => setOpen(true)}>
            <MenuIcon />
          </IconButton>
          <Brand />
          <Box sx={{ flexGrow: 1 }} />
          <PaletteButton />
          <LiveDot />
          <LookMenus />
          <AccountMenu />
        </Toolbar>
      </AppBar>
      <Drawer variant="temporary" open={open} onClose={() => setOpen(false)} sx={{ display: { md: 'none' } }} slotProps={{ paper: { sx: { width: DRAWER_PX } } }}>
        <Navigation onGo={() => setOpen(false)} />
      </Drawer>
      <Drawer variant="permanent" sx={{ display: { xs: 'none', md: 'block' }, width: DRAWER_PX, flexShrink: 0 }} slotProps={{ paper: { sx: { width: DRAWER_PX, bgcolor: 'background.default' } } }}>
        <Toolbar variant="dense" />
        <Navigation />
      </Drawer>
      <Box component="main" id="main" tabIndex={-1} sx={{ flexGrow: 1, minWidth: 0, p: { xs: 1.5, sm: 3 }, outline: 'none' }}>
        <Toolbar variant="dense" />
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </Box>
      <Doorkeeper />
    </Box>
  )
}

function Brand() {
  return (
    <Box component={RouterLink} to={paths.home()} aria-label="CasperVPN" sx={{ display: 'flex', gap: 1, alignItems: 'center', color: 'inherit', textDecoration: 'none' }}>
      <img src={icon} alt="" width={28} height={28} />
      <Typography component="span" sx={{ fontWeight: 700, display: { xs: 'none', sm: 'block' } }}>
        CasperVPN
      </Typography>
    </Box>
  )
}

function AccountMenu() {
  const { t } = useTranslation()
  const me = useMe()
  const navigate = useNavigate()
  const signOut = useSignOut()
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  const name = me.display_name || me.login

  function go(to: string): void {
    setAnchor(null)
    void navigate(to)
  }
  function leave(): void {
    setAnchor(null)
    void signOut()
  }
  return (
    <>
      <Tooltip title={t('account.menu', { name })}>
        <IconButton color="inherit" aria-label={t('account.menu', { name })} aria-haspopup="menu" aria-expanded={anchor !== null} onClick={(event) => setAnchor(event.currentTarget)}>
          <AccountCircle />
        </IconButton>
      </Tooltip>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        <Box sx={{ px: 2, py: 1 }}>
          <Typography sx={{ fontWeight: 600 }}>{name}</Typography>
          <Typography variant="body2" color="text.secondary">
            {t(`role.${me.role}`)}
          </Typography>
        </Box>
        <Divider />
        <MenuItem onClick={() => go(paths.account())}>{t('account.account')}</MenuItem>
        <MenuItem onClick={() => go(paths.security())}>{t('account.security')}</MenuItem>
        <MenuItem onClick={() => go(paths.sessions())}>{t('account.sessions')}</MenuItem>
        <Divider />
        <MenuItem onClick={leave}>{t('account.signOut')}</MenuItem>
      </Menu>
    </>
  )
}
