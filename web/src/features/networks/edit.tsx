import Alert from '@mui/material/Alert'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { bodyOf, NetworkFields, networkSchema, valuesOf } from './network-form'
import { networkQuery, updateNetwork } from './queries'

export function Component() {
  const { t } = useTranslation(['networks', 'common'])
  const { id = '' } = useParams()
  const read = useSuspenseQuery(networkQuery(id))
  const network = read.data
  const navigate = useNavigate()
  const done = useDone()
  const close = () => void navigate(paths.networks.detail(id))
  const form = useEditForm({
    read,
    schema: networkSchema((key) => t(key)),
    values: valuesOf,
    send: async (opened, before, typed) => {
      await updateNetwork(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: network.name })} act={t('common:act.save')} onClose={close}>
      <Alert severity="info">{t('outdates')}</Alert>
      <NetworkFields />
    </FormDialog>
  )
}
