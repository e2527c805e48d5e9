// A form on the card of a page for who is not signed in.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import type { ReactNode } from 'react'
import { type FieldValues, FormProvider } from 'react-hook-form'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../../api/problem'
import type { ApiForm } from '../../form/use-api-form'
import { Fault } from '../../ui/fault'

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
    <FormProvider {...api.form}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          api.submit()
        }}
      >
        <Stack sx={{ gap: 2 }}>
          <Typography>{lead}</Typography>
          {api.fault !== undefined && <Fault error={api.fault} />}
          {lost && <Typography>{t('lost')}</Typography>}
          {children}
          <Button type="submit" variant="contained" size="large" loading={api.busy}>
            {act}
          </Button>
        </Stack>
      </form>
    </FormProvider>
  )
}
