// The choice of language and of colours, which stays on this machine.

import Contrast from '@mui/icons-material/Contrast'
import DarkMode from '@mui/icons-material/DarkModeOutlined'
import LightMode from '@mui/icons-material/LightModeOutlined'
import Translate from '@mui/icons-material/Translate'
import IconButton from '@mui/material/IconButton'
import Menu from '@mui/material/Menu'
import MenuItem from '@mui/material/MenuItem'
import { useColorScheme } from '@mui/material/styles'
import Tooltip from '@mui/material/Tooltip'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { chooseLanguage, isLanguage, LANGUAGES } from '../i18n'

export function LookMenus() {
  const { t, i18n } = useTranslation()
  const { mode, setMode } = useColorScheme()
  const icon = mode === 'dark' ? <DarkMode /> : mode === 'light' ? <LightMode /> : <Contrast />
  return (
    <>
      <Choice
        label={t('look.language')}
        icon={<Translate />}
        chosen={i18n.language}
        options={Object.entries(LANGUAGES)}
        onChoose={(language) => {
          if (isLanguage(language)) void chooseLanguage(language)
        }}
      />
      <Choice
        label={t('look.colours')}
        icon={icon}
        chosen={mode ?? 'system'}
        options={[['system', t('look.system')], ['light', t('look.light')], ['dark', t('look.dark')]]}
        onChoose={(next) => setMode(next === 'light' || next === 'dark' ? next : 'system')}
      />
    </>
  )
}

interface ChoiceProps {
  label: string
  icon: ReactNode
  chosen: string
  options: [string, string][]
  onChoose: (value: string) => void
}

function Choice({ label, icon, chosen, options, onChoose }: ChoiceProps) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  return (
    <>
      <Tooltip title={label}>
        <IconButton color="inherit" aria-label={label} aria-haspopup="menu" aria-expanded={anchor !== null} onClick={(event) => setAnchor(event.currentTarget)}>
          {icon}
        </IconButton>
      </Tooltip>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {options.map(([value, text]) => (
          <MenuItem
            key={value}
            selected={value === chosen}
            lang={value.length === 2 ? value : undefined}
            onClick={() => {
              setAnchor(null)
              onChoose(value)
            }}
          >
            {text}
          </MenuItem>
        ))}
      </Menu>
    </>
  )
}
