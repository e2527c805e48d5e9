import Settings from '@mui/icons-material/SettingsOutlined'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { paths } from '../../app/paths'
import { useFormats } from '../../i18n/use-formats'
import { type Column, NounList } from '../../list/noun-list'
import { Action } from '../../ui/action'
import { Code, StateChip } from '../../ui/parts'
import { type Certificate, certificates } from './queries'

export function Component() {
  const { t } = useTranslation(['certificates', 'common'])
  const format = useFormats()
  const navigate = useNavigate()
  const ends = ({ not_after }: Certificate) => (not_after ? format.ago(not_after) : '–')
  const columns: Column<Certificate>[] = [
    { key: 'name', header: t('field.name'), flex: 2, render: ({ name }) => <Code>{name}</Code> },
    { key: 'state', header: t('common:field.state'), width: 140, render: ({ state }) => <StateChip state={state} /> },
    { key: 'source', header: t('field.source'), flex: 1.5, render: ({ source }) => t(`source.${source}`) },
    { key: 'issuer', header: t('field.issuer'), flex: 2, render: ({ issuer }) => issuer ?? '–' },
    { key: 'not_after', header: t('field.ends'), width: 160, render: ends },
    { key: 'next_try_at', header: t('field.nextTry'), width: 160, render: ({ next_try_at }) => (next_try_at ? format.ago(next_try_at) : '–') },
  ]
  return (
    <NounList
      title={t('title')}
      lead={t('lead')}
      source={certificates}
      columns={columns}
      searchable={false}
      rowPath={({ name }) => paths.certificates.detail(name)}
      card={(certificate) => (
        <Stack direction="row" sx={{ gap: 1, alignItems: 'center' }}>
          <Stack sx={{ flexGrow: 1, minWidth: 0 }}>
            <Code>{certificate.name}</Code>
            <Typography variant="body2" color="text.secondary">
              {t(`source.${certificate.source}`)} · {ends(certificate)}
            </Typography>
          </Stack>
          <StateChip state={certificate.state} />
        </Stack>
      )}
      actions={<Action variant="outlined" icon={<Settings />} label={t('toSettings')} onRun={() => void navigate(paths.settings())} />}
      csv={{
        fileName: 'certificates.csv',
        columns: [
          { header: 'name', text: (certificate) => certificate.name },
          { header: 'state', text: (certificate) => certificate.state },
          { header: 'source', text: (certificate) => certificate.source },
          { header: 'issuer', text: (certificate) => certificate.issuer },
          { header: 'not_after', text: (certificate) => certificate.not_after },
          { header: 'next_try_at', text: (certificate) => certificate.next_try_at },
        ],
      }}
      empty={{ title: t('empty'), text: t('emptyText') }}
    />
  )
}
