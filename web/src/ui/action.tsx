// A button that says why it does not work, instead of hiding or going grey without a word.

import Button, { type ButtonProps } from '@mui/material/Button'
import IconButton from '@mui/material/IconButton'
import ListItemIcon from '@mui/material/ListItemIcon'
import ListItemText from '@mui/material/ListItemText'
import MenuItem from '@mui/material/MenuItem'
import Tooltip from '@mui/material/Tooltip'
import type { ReactNode } from 'react'

export interface ActionProps {
  label: string
  icon?: ReactNode
  /** Why it cannot be done now; left out where it can. */
  disabledReason?: string | undefined
  onRun: () => void
}

/** It stays reachable by the keyboard while it does not work, so that a screen reader can read the reason. */
export function Action({ label, icon, disabledReason, onRun, ...look }: ActionProps & Pick<ButtonProps, 'variant' | 'color' | 'size'>) {
  const off = disabledReason !== undefined
  return (
    <Tooltip title={disabledReason ?? ''} describeChild>
      <Button {...look} startIcon={icon} aria-disabled={off} onClick={off ? undefined : onRun} sx={off ? OFF : undefined}>
        {label}
      </Button>
    </Tooltip>
  )
}

export function IconAction({ label, icon, disabledReason, onRun }: ActionProps) {
  const off = disabledReason !== undefined
  return (
    <Tooltip title={disabledReason ? `${label}: ${disabledReason}` : label}>
      <IconButton size="small" aria-label={label} aria-disabled={off} onClick={off ? undefined : onRun} sx={off ? OFF : undefined}>
        {icon}
      </IconButton>
    </Tooltip>
  )
}

export function MenuAction({ label, icon, disabledReason, onRun }: ActionProps) {
  const off = disabledReason !== undefined
  return (
    <MenuItem aria-disabled={off} onClick={off ? undefined : onRun} sx={off ? { cursor: 'default' } : undefined}>
      {icon && <ListItemIcon>{icon}</ListItemIcon>}
      <ListItemText primary={label} secondary={disabledReason} />
    </MenuItem>
  )
}

const OFF = { filter: 'grayscale(1)', cursor: 'not-allowed' } as const
