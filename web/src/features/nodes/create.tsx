import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { useDone } from '../../ui/use-act'
import { bodyOf, NodeFields, nodeSchema, valuesOf } from './node-form'
import { createNode } from './queries'

export function Component() {
  const { t } = useTranslation(['nodes', 'common'])
  const navigate = useNavigate()
  const done = useDone()
  const form = useApiForm({
    schema: nodeSchema((key) => t(`common:${key}`)),
    values: valuesOf(undefined),
    send: async (values) => {
      const made = await createNode(bodyOf(values))
      await done(t('done.created', { name: made.name }))
      await navigate(paths.nodes.detail(made.id), { replace: true })
    },
  })
  return (
    <FormDialog api={form} title={t('create')} act={t('common:act.create')} onClose={() => void navigate(paths.nodes.list())}>
      <NodeFields />
    </FormDialog>
  )
}
