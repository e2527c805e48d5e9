// A form on the card of a page for who is not signed in.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import type { ReactNode } from 'react'
import type { FieldValues } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../../api/problem'
import { Form, FormFault } from '../../form/form'
import type { ApiForm } from '../../form/use-api-form'

interface DoorFormProps<Values extends FieldValues> {
  api: ApiForm<Values>
  lead: string
  act: string
  children: ReactNode
}

export function DoorForm<Values extends FieldValues>({ api, lead, act, children }: DoorFormProps<Values>) {
  const { t } = useTranslation('links')
  const lost = api.fault !== undefined && !(api.fault instanceof ApiProblem)
  return (
    <Form api={api}>
      <Stack sx={{ gap: 2 }}>
        <Typography>{lead}</Typography>
        <FormFault api={api} />
        {lost && <Typography>{t('lost')}</Typography>}
        {children}
        <Button type="submit" variant="contained" size="large" loading={api.busy}>
          {act}
        </Button>
      </Stack>
    </Form>
  )
}
