import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { textOf } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { bodyOf, NetworkFields, networkSchema, valuesOf } from './network-form'
import { createNetwork } from './queries'

export function Component() {
  const { t } = useTranslation(['networks', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const form = useApiForm({
    schema: networkSchema((key) => t(key)),
    values: valuesOf(undefined),
    send: async (values) => {
      const made = await createNetwork({ ...bodyOf(values), ipv4: textOf(values.ipv4), ipv6: textOf(values.ipv6) })
      await done(t('done.created', { name: made.name }))
      await navigate(paths.networks.detail(made.id), { replace: true })
    },
  })
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={() => void navigate(paths.networks.list())}>
      <NetworkFields isNew />
    </FormDialog>
  )
}
