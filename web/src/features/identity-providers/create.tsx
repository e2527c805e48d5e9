import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useDone } from '../../ui/use-act'
import { ProviderFields } from './provider-form'
import { bodyOf, providerSchema, valuesOf } from './provider-values'
import { createIdentityProvider } from './queries'

export function Component() {
  const { t } = useTranslation(['identityProviders', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const form = useApiForm({
    schema: providerSchema((key) => t(`common:${key}`)),
    values: valuesOf(undefined),
    send: async (values) => {
      const made = await createIdentityProvider(bodyOf(values))
      await done(t('done.created', { name: made.name }))
      await navigate(paths.identityProviders.detail(made.id), { replace: true })
    },
  })
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={() => void navigate(paths.identityProviders.list())}>
      <ProviderFields />
    </FormDialog>
  )
}
