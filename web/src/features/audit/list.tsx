import FileDownload from '@mui/icons-material/FileDownload'
import FactCheck from '@mui/icons-material/FactCheckOutlined'
import Visibility from '@mui/icons-material/VisibilityOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { ACCESS } from '../../api/generated/access'
import type { Asked } from '../../api/types'
import { useActionName } from '../../i18n/use-action-name'
import { useFormats } from '../../i18n/use-formats'
import { MomentFilter, TextFilter, WordFilter } from '../../list/filter-inputs'
import { useListParams } from '../../list/list-params'
import { type Column, NounList } from '../../list/noun-list'
import { useForbidden } from '../../session/use-me'
import { Action, IconAction } from '../../ui/action'
import { StateChip } from '../../ui/parts'
import { saveFile } from '../../ui/save'
import { useAct } from '../../ui/use-act'
import { UserFilter } from '../users/user-filter'
import { ActorName } from './actor-name'
import { EventDrawer } from './event-drawer'
import { type AuditEvent, auditEvents, exportAudit } from './queries'
import { TARGET_KINDS } from './target'
import { VerifyDialog } from './verify-dialog'

export function Component() {
  const { t } = useTranslation(['audit', 'actions', 'common'])
  const nameOf = useActionName()
  const format = useFormats()
  const [open, setOpen] = useState<AuditEvent>()
  const kind = (word: string) => t(`actions:noun.${word}`, { defaultValue: word })
  const columns: Column<AuditEvent>[] = [
    { key: 'at', header: t('field.at'), sort: 'at', width: 190, render: ({ at }) => format.dateTime(at) },
    { key: 'actor', header: t('field.actor'), flex: 1.5, render: (event) => <ActorName event={event} /> },
    { key: 'action', header: t('field.action'), flex: 2.5, render: ({ action }) => nameOf(action) },
    { key: 'target', header: t('field.target'), flex: 1.5, render: ({ target_kind }) => kind(target_kind) },
    { key: 'outcome', header: t('field.outcome'), width: 120, render: ({ outcome }) => <StateChip state={outcome} /> },
    { key: 'source', header: t('field.source'), width: 150, render: ({ source }) => source ?? '–' },
  ]
  return (
    <>
      <NounList
        title={t('title')}
        lead={t('lead')}
        source={auditEvents}
        columns={columns}
        filters={[
          { name: 'actor_id', label: t('field.actor'), input: (field) => <UserFilter {...field} /> },
          { name: 'action', label: t('field.action'), input: (field) => <WordFilter {...field} options={Object.keys(ACCESS)} nameOf={nameOf} /> },
          { name: 'target_kind', label: t('field.target'), options: TARGET_KINDS.map((word) => [word, kind(word)] as const) },
          { name: 'target_id', label: t('field.targetId'), input: (field) => <TextFilter {...field} ltr /> },
          { name: 'outcome', label: t('field.outcome'), options: OUTCOMES.map((word) => [word, t(`common:state.${word}`)] as const) },
          { name: 'from', label: t('field.from'), input: (field) => <MomentFilter {...field} /> },
          { name: 'to', label: t('field.to'), input: (field) => <MomentFilter {...field} /> },
        ]}
        onRow={setOpen}
        rowActions={(event) => <IconAction label={t('show')} icon={<Visibility fontSize="small" />} onRun={() => setOpen(event)} />}
        card={(event) => (
          <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
            <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
              <Typography sx={{ fontWeight: 600 }}>{nameOf(event.action)}</Typography>
              <Typography variant="body2" color="text.secondary">
                <ActorName event={event} /> · {format.dateTime(event.at)}
              </Typography>
            </Stack>
            {event.outcome !== 'done' && <StateChip state={event.outcome} />}
          </Stack>
        )}
        actions={<Acts />}
        csv={{
          fileName: 'audit.csv',
          columns: [
            { header: 'id', text: (event) => event.id },
            { header: 'at', text: (event) => event.at },
            { header: 'actor_kind', text: (event) => event.actor_kind },
            { header: 'actor_id', text: (event) => event.actor_id },
            { header: 'action', text: (event) => event.action },
            { header: 'target_kind', text: (event) => event.target_kind },
            { header: 'target_id', text: (event) => event.target_id },
            { header: 'outcome', text: (event) => event.outcome },
            { header: 'source', text: (event) => event.source },
          ],
        }}
        empty={{ title: t('empty'), text: t('emptyText') }}
      />
      <EventDrawer event={open} onClose={() => setOpen(undefined)} />
    </>
  )
}

const OUTCOMES = ['done', 'refused'] as const

function Acts() {
  const { t } = useTranslation(['audit', 'common'])
  const forbidden = useForbidden()
  const act = useAct()
  const { query } = useListParams()
  const [busy, setBusy] = useState(false)
  const [verifying, setVerifying] = useState(false)

  async function save(): Promise<void> {
    setBusy(true)
    await act(async () => saveFile('audit.jsonl', 'application/x-ndjson', await exportAudit(query as Asked)), t('done.exported'))
    setBusy(false)
  }
  return (
    <>
      <Action variant="outlined" icon={<FactCheck />} label={t('verify.act')} disabledReason={forbidden('audit_verify')} onRun={() => setVerifying(true)} />
      <Action variant="outlined" icon={<FileDownload />} label={t('export')} disabledReason={busy ? t('exporting') : forbidden('audit_export')} onRun={() => void save()} />
      {verifying && <VerifyDialog onClose={() => setVerifying(false)} />}
    </>
  )
}
