// The way around: only what this role may see.

import Box from '@mui/material/Box'
import List from '@mui/material/List'
import ListItem from '@mui/material/ListItem'
import ListItemButton from '@mui/material/ListItemButton'
import ListItemIcon from '@mui/material/ListItemIcon'
import ListItemText from '@mui/material/ListItemText'
import ListSubheader from '@mui/material/ListSubheader'
import { useTranslation } from 'react-i18next'
import { NavLink } from 'react-router'

import { reach } from '../api/access'
import type { Role } from '../api/types'
import { useMe } from '../session/use-me'
import { type Noun, NOUNS } from './nouns'

const SECTIONS: Noun['section'][] = ['vpn', 'people', 'service']

export function Navigation({ onGo }: { onGo?: () => void }) {
  const { t } = useTranslation()
  const me = useMe()
  return (
    <Box component="nav" aria-label={t('nav.label')} sx={{ overflowY: 'auto', pb: 2 }}>
      {SECTIONS.map((section) => {
        const entries = visible(section, me.role)
        if (entries.length === 0) return null
        return (
          <List key={section} dense subheader={<ListSubheader sx={{ bgcolor: 'transparent', lineHeight: '2.25rem' }}>{t(`nav.${section}`)}</ListSubheader>}>
            {entries.map(({ key, path, icon: Icon }) => (
              <ListItem key={key} disablePadding>
                <ListItemButton component={NavLink} to={path} end={path === '/'} onClick={onGo} sx={ENTRY}>
                  <ListItemIcon sx={{ minWidth: 36, color: 'inherit' }}>
                    <Icon />
                  </ListItemIcon>
                  <ListItemText primary={t(`nav.${key}`)} />
                </ListItemButton>
              </ListItem>
            ))}
          </List>
        )
      })}
    </Box>
  )
}

/** Who reaches only own devices finds them on the start page, which is then called after them. */
function visible(section: Noun['section'], role: Role): Noun[] {
  const own = reach(role, 'device_list') === 'own'
  return NOUNS.filter((noun) => noun.section === section && reach(role, noun.action) !== 'none')
    .filter((noun) => !(own && noun.key === 'devices'))
    .map((noun) => (own && noun.key === 'home' ? { ...noun, key: 'myDevices' } : noun))
}

const ENTRY = {
  mx: 1,
  borderRadius: 2,
  '&.active': { bgcolor: 'action.selected', color: 'primary.main', '& .MuiListItemText-primary': { fontWeight: 600 } },
} as const
