import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { ProviderFields } from './provider-form'
import { bodyOf, providerSchema, valuesOf } from './provider-values'
import { identityProviderQuery, updateIdentityProvider } from './queries'

export function Component() {
  const { t } = useTranslation(['identityProviders', 'common'])
  const { id = '' } = useParams()
  const read = useSuspenseQuery(identityProviderQuery(id))
  const provider = read.data
  const navigate = useNavigate()
  const done = useDone()
  const close = () => void navigate(paths.identityProviders.detail(id))
  const form = useEditForm({
    read,
    schema: providerSchema((key) => t(`common:${key}`)),
    values: valuesOf,
    send: async (opened, before, typed) => {
      await updateIdentityProvider(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: provider.name })} act={t('common:act.save')} onClose={close}>
      <ProviderFields provider={provider} />
    </FormDialog>
  )
}
