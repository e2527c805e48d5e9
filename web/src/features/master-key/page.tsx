// The key that seals every secret in the database. It is changed on the host alone, unless the server says otherwise.

import Autorenew from '@mui/icons-material/Autorenew'
import Alert from '@mui/material/Alert'
import Typography from '@mui/material/Typography'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'

import { useFormats } from '../../i18n/use-formats'
import { useCan } from '../../session/use-me'
import { Action } from '../../ui/action'
import { CopyText } from '../../ui/copy'
import { Code, Facts, PageHeader, Section } from '../../ui/parts'
import { useConfirmed } from '../../ui/use-confirmed'
import { masterKeyQuery, rotateMasterKey } from './queries'

export function Component() {
  const { t } = useTranslation('masterKey')
  const { data: key } = useSuspenseQuery(masterKeyQuery)
  const can = useCan()
  const confirmed = useConfirmed()
  const format = useFormats()
  const rotate = () => confirmed({ title: t('rotateTitle'), text: t('rotateText'), act: t('rotate'), name: key.id, destructive: true }, rotateMasterKey, t('done.rotated'))
  return (
    <>
      <PageHeader
        title={t('title')}
        lead={t('lead')}
        actions={<Action variant="outlined" icon={<Autorenew />} label={t('rotate')} disabledReason={can('master_key_rotate') ? undefined : t('onHost')} onRun={() => void rotate()} />}
      />
      {key.outstanding > 0 && (
        <Alert severity="info" sx={{ mb: 2 }}>
          {t('outstanding', { count: key.outstanding })}
        </Alert>
      )}
      <Section title={t('state')}>
        <Facts
          facts={[
            [t('field.id'), <Code key="id">{key.id}</Code>],
            [t('field.place'), <Code key="place">{key.place}</Code>],
            [t('field.previous'), key.previous.length === 0 ? t('none') : <Code key="previous">{key.previous.join(', ')}</Code>],
            [t('field.outstanding'), format.number(key.outstanding)],
          ]}
        />
      </Section>
      {!can('master_key_rotate') && (
        <Section title={t('howTitle')}>
          <Typography sx={{ mb: 1 }}>{t('how')}</Typography>
          <CopyText text="sudo caspervpn master-key rotate" />
          <Typography color="text.secondary" sx={{ mt: 2 }}>
            {t('keepCopy')}
          </Typography>
        </Section>
      )}
    </>
  )
}
