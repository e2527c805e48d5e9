// Short messages at the foot of the page: what was done, and the way to undo it.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Snackbar from '@mui/material/Snackbar'
import { createContext, type ReactNode, useCallback, useContext, useState } from 'react'

export interface Toast {
  text: string
  tone?: 'success' | 'error' | 'info' | 'warning'
  action?: { label: string; run: () => void }
}

const Context = createContext<(toast: Toast) => void>(() => {})

export function useToast(): (toast: Toast) => void {
  return useContext(Context)
}

/** Long enough to read a sentence and to reach for "undo"; WCAG 2.2.1 asks for no less where there is an act. */
const SHOWN_MS = { plain: 6000, withAction: 20_000 }

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toast, setToast] = useState<Toast & { id: number }>()
  const [open, setOpen] = useState(false)
  const show = useCallback((next: Toast) => {
    setToast((last) => ({ ...next, id: (last?.id ?? 0) + 1 }))
    setOpen(true)
  }, [])
  const { action } = toast ?? {}
  return (
    <Context value={show}>
      {children}
      <Snackbar
        key={toast?.id}
        open={open}
        autoHideDuration={action ? SHOWN_MS.withAction : SHOWN_MS.plain}
        onClose={(_, reason) => {
          if (reason !== 'clickaway') setOpen(false)
        }}
      >
        <Alert
          severity={toast?.tone ?? 'success'}
          variant="outlined"
          role={toast?.tone === 'error' ? 'alert' : 'status'}
          onClose={action ? undefined : () => setOpen(false)}
          sx={{ bgcolor: 'background.paper', alignItems: 'center', maxWidth: '40rem' }}
          action={
            action && (
              <Button
                size="small"
                color="inherit"
                onClick={() => {
                  setOpen(false)
                  action.run()
                }}
              >
                {action.label}
              </Button>
            )
          }
        >
          {toast?.text}
        </Alert>
      </Snackbar>
    </Context>
  )
}
