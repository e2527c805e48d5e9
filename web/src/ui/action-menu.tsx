// The acts on one thing behind three dots.

import MoreVert from '@mui/icons-material/MoreVert'
import IconButton from '@mui/material/IconButton'
import Menu from '@mui/material/Menu'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { type ActionProps, MenuAction } from './action'

export function ActionMenu({ label, actions }: { label: string; actions: ActionProps[] }) {
  const { t } = useTranslation()
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  if (actions.length === 0) return null
  return (
    <>
      <IconButton
        size="small"
        aria-label={t('act.more', { name: label })}
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        onClick={(event) => {
          event.stopPropagation()
          setAnchor(event.currentTarget)
        }}
      >
        <MoreVert fontSize="small" />
      </IconButton>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)} onClick={(event) => event.stopPropagation()}>
        {actions.map((action) => (
          <MenuAction
            key={action.label}
            {...action}
            onRun={() => {
              setAnchor(null)
              action.onRun()
            }}
          />
        ))}
      </Menu>
    </>
  )
}
