import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { useNavigate, useParams } from 'react-router'

import { paths } from '../../app/paths'
import { FormDialog } from '../../form/form-dialog'
import { useEditForm } from '../../form/use-edit-form'
import { changed } from '../../form/values'
import { useDone } from '../../ui/use-act'
import { bodyOf, NodeFields, nodeSchema, valuesOf } from './node-form'
import { nodeQuery, updateNode } from './queries'

export function Component() {
  const { t } = useTranslation(['nodes', 'common'])
  const { id = '' } = useParams()
  const read = useSuspenseQuery(nodeQuery(id))
  const node = read.data
  const navigate = useNavigate()
  const done = useDone()
  const close = () => void navigate(paths.nodes.detail(id))
  const form = useEditForm({
    read,
    schema: nodeSchema((key) => t(`common:${key}`)),
    values: valuesOf,
    send: async (opened, before, typed) => {
      await updateNode(opened, changed(bodyOf(before), bodyOf(typed)))
      await done(t('common:done.saved'))
      close()
    },
  })
  return (
    <FormDialog api={form} title={t('edit', { name: node.name })} act={t('common:act.save')} onClose={close}>
      <NodeFields />
    </FormDialog>
  )
}
