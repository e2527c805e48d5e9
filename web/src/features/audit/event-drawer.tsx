// One event of the audit at the side of the list: who, what, from where, and what it changed.

import Close from '@mui/icons-material/Close'
import Box from '@mui/material/Box'
import Drawer from '@mui/material/Drawer'
import FormControlLabel from '@mui/material/FormControlLabel'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Switch from '@mui/material/Switch'
import Typography from '@mui/material/Typography'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink } from 'react-router'

import { useActionName } from '../../i18n/use-action-name'
import { useFormats } from '../../i18n/use-formats'
import { IconAction } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Code, Facts, StateChip } from '../../ui/parts'
import { SmallTable } from '../../ui/small-table'
import { ActorName } from './actor-name'
import { difference, shown } from './difference'
import type { AuditEvent } from './queries'
import { targetPath } from './target'

export function EventDrawer({ event, onClose }: { event: AuditEvent | undefined; onClose: () => void }) {
  const heading = useId()
  return (
    // Above the bar of the page, which lies over the drawer of the menu.
    <Drawer anchor="right" sx={{ zIndex: 'modal' }} open={event !== undefined} onClose={onClose} slotProps={{ paper: { sx: { width: 'min(42rem, 100vw)' }, 'aria-labelledby': heading } }}>
      {event && <Content key={event.id} event={event} heading={heading} onClose={onClose} />}
    </Drawer>
  )
}

function Content({ event, heading, onClose }: { event: AuditEvent; heading: string; onClose: () => void }) {
  const { t } = useTranslation(['audit', 'actions', 'common'])
  const nameOf = useActionName()
  const format = useFormats()
  const path = targetPath(event.target_kind, event.target_id)
  const target = t(`actions:noun.${event.target_kind}`, { defaultValue: event.target_kind })
  return (
    <Box sx={{ p: 2 }}>
      <Stack direction="row" sx={{ gap: 1, alignItems: 'center', mb: 2 }}>
        <Typography id={heading} variant="h2" sx={{ flexGrow: 1 }}>
          {nameOf(event.action)}
        </Typography>
        <StateChip state={event.outcome} />
        <IconAction label={t('common:act.close')} icon={<Close />} onRun={onClose} />
      </Stack>
      <Facts
        facts={[
          [t('field.at'), format.dateTime(event.at)],
          [t('field.actor'), <ActorName key="actor" event={event} link />],
          [t('field.action'), <Code key="action">{event.action}</Code>],
          [
            t('field.target'),
            path ? (
              <Link key="target" component={RouterLink} to={path}>
                {target}
              </Link>
            ) : (
              target
            ),
          ],
          [t('field.targetId'), event.target_id ? <CopyText key="id" text={event.target_id} /> : undefined],
          [t('field.source'), event.source ? <Code key="source">{event.source}</Code> : t('noSource')],
          [t('field.request'), event.request_id ? <CopyText key="request" text={event.request_id} /> : undefined],
          [t('field.id'), <CopyText key="event" text={event.id} />],
        ]}
      />
      <Changes event={event} />
    </Box>
  )
}

function Changes({ event }: { event: AuditEvent }) {
  const { t } = useTranslation('audit')
  const [all, setAll] = useState(false)
  const lines = difference(event.before, event.after)
  const same = lines.filter(({ kind }) => kind === 'same').length
  const shownLines = all ? lines : lines.filter(({ kind }) => kind !== 'same')
  return (
    <Box component="section" sx={{ mt: 3 }}>
      <Typography variant="h3" sx={{ mb: 1 }}>
        {t('changes.title')}
      </Typography>
      {shownLines.length === 0 ? (
        <Typography color="text.secondary">{t('changes.none')}</Typography>
      ) : (
        <SmallTable
          label={t('changes.title')}
          rows={shownLines}
          rowKey={({ field }) => field}
          columns={[
            { key: 'field', header: t('changes.field'), render: ({ field }) => <Code>{field}</Code> },
            { key: 'before', header: t('changes.before'), render: ({ kind, before }) => <Value kind={kind} gone text={kind === 'added' ? '' : shown(before)} /> },
            { key: 'after', header: t('changes.after'), render: ({ kind, after }) => <Value kind={kind} text={kind === 'removed' ? '' : shown(after)} /> },
          ]}
        />
      )}
      {same > 0 && <FormControlLabel label={t('changes.same', { count: same })} control={<Switch checked={all} onChange={(_, on) => setAll(on)} />} />}
    </Box>
  )
}

/** Old values are struck through, so that colour is not all that tells. */
function Value({ kind, text, gone = false }: { kind: string; text: string; gone?: boolean }) {
  const moved = kind !== 'same' && text !== ''
  return (
    <Box
      component={moved ? (gone ? 'del' : 'ins') : 'span'}
      dir="auto"
      sx={{ overflowWrap: 'anywhere', ...(moved ? (gone ? { color: 'error.main' } : { color: 'success.main', textDecoration: 'none' }) : {}) }}
    >
      {text}
    </Box>
  )
}
