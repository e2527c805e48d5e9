// A form in a dialog with an address of its own: it opens from a link, and closing it goes back to the page beneath.

import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogActions from '@mui/material/DialogActions'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import useMediaQuery from '@mui/material/useMediaQuery'
import { type ReactNode, useId } from 'react'
import type { FieldValues } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { useConfirm } from '../ui/confirm'
import { Form, FormFault } from './form'
import type { ApiForm } from './use-api-form'

interface FormDialogProps<Values extends FieldValues> {
  api: ApiForm<Values>
  title: string
  act: string
  destructive?: boolean
  onClose: () => void
  children: ReactNode
}

export function FormDialog<Values extends FieldValues>({ api, title, act, destructive = false, onClose, children }: FormDialogProps<Values>) {
  const { t } = useTranslation()
  const confirm = useConfirm()
  const small = useMediaQuery((theme) => theme.breakpoints.down('sm'))
  const heading = useId()

  async function close(): Promise<void> {
    const typed = api.form.formState.isDirty
    if (!typed || (await confirm({ title: t('form.leaveTitle'), text: t('form.leaveText'), act: t('form.leave') }))) onClose()
  }

  return (
    <Dialog open onClose={() => void close()} fullScreen={small} aria-labelledby={heading}>
      <Form api={api} contents>
        <DialogTitle id={heading}>{title}</DialogTitle>
        <DialogContent>
          <Stack sx={{ gap: 2, pt: 1 }}>
            <FormFault api={api} />
            {children}
          </Stack>
        </DialogContent>
        <DialogActions>
          <Button color="inherit" onClick={() => void close()}>
            {t('act.cancel')}
          </Button>
          <Button type="submit" variant="contained" color={destructive ? 'error' : 'primary'} loading={api.busy}>
            {act}
          </Button>
        </DialogActions>
      </Form>
    </Dialog>
  )
}
