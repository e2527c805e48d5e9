import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useApiForm } from '../../form/use-api-form'
import { changed } from '../../form/values'
import { useAct } from '../../ui/use-act'
import { bodyOf, NodeFields, nodeSchema, valuesOf } from './node-form'
import { nodeQuery, updateNode } from './queries'

export function Component() {
  const { t } = useTranslation(['nodes', 'common'])
  const { id = '' } = useParams()
  const { data: node } = useSuspenseQuery(nodeQuery(id))
  const navigate = useNavigate()
  const act = useAct()
  const close = () => void navigate(paths.nodes.detail(id))
  const form = useApiForm({
    schema: nodeSchema((key) => t(`common:${key}`)),
    values: valuesOf(node),
    send: async (values) => {
      await updateNode(node, changed(bodyOf(valuesOf(node)), bodyOf(values)))
      await act(async () => {}, t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: node.name })} act={t('common:act.save')} onClose={close}>
      <NodeFields />
    </FormDialog>
  )
}
