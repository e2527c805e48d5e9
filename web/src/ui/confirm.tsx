// Asks before what cannot be taken back, or not by everybody. What destroys is confirmed by writing the thing's name.

import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogContentText from '@mui/material/DialogContentText'
import DialogTitle from '@mui/material/DialogTitle'
import TextField from '@mui/material/TextField'
import { createContext, type FormEvent, type ReactNode, useCallback, useContext, useState } from 'react'
import { useTranslation } from 'react-i18next'

export interface Question {
  title: string
  text: ReactNode
  /** What the button says: the act, not "OK". */
  act: string
  /** To be written out before the button works. */
  name?: string
  destructive?: boolean
}

type Ask = (question: Question) => Promise<boolean>
const Context = createContext<Ask>(async () => false)

export function useConfirm(): Ask {
  return useContext(Context)
}

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  const [asked, setAsked] = useState<Question & { answer: (yes: boolean) => void }>()
  const [open, setOpen] = useState(false)
  const [written, setWritten] = useState('')

  const ask = useCallback<Ask>((question) => {
    setWritten('')
    setOpen(true)
    return new Promise((answer) => setAsked({ ...question, answer }))
  }, [])
  function finish(yes: boolean): void {
    asked?.answer(yes)
    setOpen(false)
  }
  function submit(event: FormEvent): void {
    event.preventDefault()
    if (ready) finish(true)
  }

  const ready = asked?.name === undefined || written.trim() === asked.name
  return (
    <Context value={ask}>
      {children}
      <Dialog open={open} onClose={() => finish(false)} maxWidth="xs" aria-labelledby="confirm-title">
        <form onSubmit={submit}>
          <DialogTitle id="confirm-title">{asked?.title}</DialogTitle>
          <DialogContent>
            <DialogContentText component="div">{asked?.text}</DialogContentText>
            {asked?.name !== undefined && (
              <TextField
                autoFocus
                sx={{ mt: 2 }}
                label={t('confirm.writeName', { name: asked.name })}
                value={written}
                onChange={(event) => setWritten(event.target.value)}
                slotProps={{ htmlInput: { autoComplete: 'off', autoCapitalize: 'none', spellCheck: false } }}
              />
            )}
          </DialogContent>
          <DialogActions>
            <Button onClick={() => finish(false)} color="inherit">
              {t('act.cancel')}
            </Button>
            <Button type="submit" variant="contained" color={asked?.destructive ? 'error' : 'primary'} disabled={!ready} autoFocus={asked?.name === undefined}>
              {asked?.act}
            </Button>
          </DialogActions>
        </form>
      </Dialog>
    </Context>
  )
}
