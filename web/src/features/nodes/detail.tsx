import Delete from '@mui/icons-material/DeleteOutlined'
import Edit from '@mui/icons-material/EditOutlined'
import Alert from '@mui/material/Alert'
import FormControlLabel from '@mui/material/FormControlLabel'
import FormHelperText from '@mui/material/FormHelperText'
import Stack from '@mui/material/Stack'
import Switch from '@mui/material/Switch'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Outlet, useNavigate, useParams } from 'react-router'

import type { Node } from '../../api/types'
import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { useCan, useForbidden } from '../../session/use-me'
import { Action } from '../../ui/action'
import { Facts, PageHeader, Section, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { useConfirmed } from '../../ui/use-confirmed'
import { Places } from './places'
import { deleteNode, nodeQuery, updateNode } from './queries'

export function Component() {
  const { t } = useTranslation(['nodes', 'common'])
  const { id = '' } = useParams()
  const { data: node } = useSuspenseQuery(nodeQuery(id))
  const format = useFormats()
  const { backend, problems } = node.health
  return (
    <>
      <PageHeader title={node.name} lead={node.location} chip={<StateChip state={node.state} />} actions={<HeaderActs node={node} />} />
      <Stack sx={{ gap: 1, mb: 2, '&:empty': { display: 'none' } }}>
        {node.state === 'pending' && <Alert severity="info">{t('isPending')}</Alert>}
        {node.state === 'offline' && <Alert severity="error">{t('isOffline', { when: node.last_seen_at ? format.ago(node.last_seen_at) : t('common:never') })}</Alert>}
        {problems.map((problem) => (
          <Alert key={problem} severity="warning">
            {problem}
          </Alert>
        ))}
      </Stack>
      <Section title={t('about')}>
        <Facts
          facts={[
            [t('field.backend'), backend ? t(`backend.${backend}`, { defaultValue: backend }) : t('notReported')],
            [t('field.lastSeen'), node.last_seen_at ? format.ago(node.last_seen_at) : t('common:never')],
            [t('field.capacity'), node.capacity ? format.number(node.capacity) : t('common:noLimit')],
            [t('field.local'), node.local ? t('common:yes') : t('common:no')],
            [t('common:field.created'), format.dateTime(node.created_at)],
            [t('common:field.updated'), format.dateTime(node.updated_at)],
          ]}
        />
        <Draining node={node} />
      </Section>
      <Places node={node} />
      <Outlet />
    </>
  )
}

/** Lets devices move away before the node is worked on. */
function Draining({ node }: { node: Node }) {
  const { t } = useTranslation(['nodes', 'common'])
  const can = useCan()
  const act = useAct()
  const [busy, setBusy] = useState(false)
  const hint = useId()
  const allowed = can('node_update')

  async function set(draining: boolean): Promise<void> {
    setBusy(true)
    await act(() => updateNode(node, { draining }), t(draining ? 'done.draining' : 'done.notDraining', { name: node.name }))
    setBusy(false)
  }
  return (
    <Stack sx={{ mt: 2 }}>
      <FormControlLabel
        label={t('drain')}
        disabled={!allowed || busy}
        control={<Switch checked={node.draining} onChange={(_, on) => void set(on)} slotProps={{ input: { 'aria-describedby': hint } }} />}
      />
      <FormHelperText id={hint} sx={{ mx: 0 }}>
        {t('drainText')} {!allowed && t('common:notAllowed')}
      </FormHelperText>
    </Stack>
  )
}

function HeaderActs({ node }: { node: Node }) {
  const { t } = useTranslation(['nodes', 'common'])
  const forbidden = useForbidden()
  const confirmed = useConfirmed()
  const navigate = useNavigate()
  const { name } = node
  const whyNotDelete = forbidden('node_delete') ?? (node.local ? t('isLocal') : undefined)

  async function remove(): Promise<void> {
    const done = await confirmed(
      { title: t('deleteTitle', { name }), text: t('deleteText'), act: t('common:act.delete'), name, destructive: true },
      () => deleteNode(node),
      t('done.deleted', { name }),
    )
    if (done) await navigate(paths.nodes.list())
  }
  return (
    <Stack direction="row" sx={{ gap: 1 }}>
      <Action variant="outlined" icon={<Edit />} label={t('common:act.edit')} disabledReason={forbidden('node_update')} onRun={() => void navigate(paths.nodes.edit(node.id))} />
      <Action variant="outlined" color="error" icon={<Delete />} label={t('common:act.delete')} disabledReason={whyNotDelete} onRun={() => void remove()} />
    </Stack>
  )
}
