// A certificate that browsers know, for this page: ordered by the new owner, with each step until it is there.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Checkbox from '@mui/material/Checkbox'
import FormControlLabel from '@mui/material/FormControlLabel'
import FormHelperText from '@mui/material/FormHelperText'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useController } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import { z } from 'zod'

import { ApiProblem } from '../../api/problem'
import { LiveProvider, useIsLive } from '../../app/live'
import { TextInput } from '../../form/fields'
import { Form, FormFault } from '../../form/form'
import { useApiForm } from '../../form/use-api-form'
import { textOf } from '../../form/values'
import { useFormats } from '../../i18n/use-formats'
import { signIn } from '../../session/session'
import { Fault } from '../../ui/fault'
import { Code, StateChip } from '../../ui/parts'
import { useAct } from '../../ui/use-act'
import { askAgainMs } from '../certificates/log-lines'
import { OrderLog, useOrderLog } from '../certificates/order-log'
import { certificateQuery, renewCertificate } from '../certificates/queries'
import type { Made } from './made'
import { hostWarning, isAddress, isCertifiable } from './plan'
import { orderCertificate } from './queries'

const TERMS = 'https://letsencrypt.org/repository/'

export function CertificatePart({ made, onSignedIn }: { made: Made; onSignedIn: () => void }) {
  const { t } = useTranslation('setup')
  const [ordered, setOrdered] = useState<string>()
  return (
    <Stack component="section" sx={{ gap: 2 }}>
      <Typography variant="h2">{t('tls.title')}</Typography>
      <Typography>{location.protocol === 'https:' ? t('tls.encrypted') : t('tls.plain')}</Typography>
      {ordered === undefined ? (
        <OrderForm
          made={made}
          onOrdered={(name) => {
            setOrdered(name)
            onSignedIn()
          }}
        />
      ) : (
        <LiveProvider>
          <Progress name={ordered} />
        </LiveProvider>
      )}
    </Stack>
  )
}

function OrderForm({ made, onOrdered }: { made: Made; onOrdered: (name: string) => void }) {
  const { t } = useTranslation('setup')
  const { authority } = made
  // Who runs the server chose that authority and agreed to its terms; it may know names that nobody else knows.
  const isSet = authority !== null
  const api = useApiForm({
    schema: z.object({
      tls_names: z.string().trim().min(1, t('fault.noHost')).refine((name) => isSet || isCertifiable(name), t('tls.notPublic')),
      acme: z.object({ contact: z.string(), terms_agreed: z.boolean().refine((agreed) => isSet || agreed, t('tls.agreeNeeded')) }),
    }),
    values: { tls_names: !isSet && hostWarning(made.endpointHost) ? '' : made.endpointHost, acme: { contact: '', terms_agreed: false } },
    send: async ({ tls_names, acme }) => {
      const name = tls_names.trim().toLowerCase()
      await signIn(made.login, made.password)
      await orderCertificate({ name, letsEncrypt: isSet ? null : { contact: textOf(acme.contact), isAddress: isAddress(name) } })
      onOrdered(name)
    },
  })
  const needsHttps = api.fault instanceof ApiProblem && api.fault.code === 'https_needed'
  return (
    <Form api={api}>
      <Stack sx={{ gap: 2 }}>
        <Typography color="text.secondary">{t(isSet ? 'tls.leadSet' : 'tls.lead')}</Typography>
        {isSet && (
          <Typography>
            {t('tls.authority')} <Code>{hostOf(authority)}</Code>
          </Typography>
        )}
        {needsHttps ? <Alert severity="warning">{t('tls.later')}</Alert> : <FormFault api={api} />}
        <TextInput name="tls_names" label={t('tls.name')} hint={t('tls.nameHint')} ltr />
        {!isSet && <TextInput name="acme.contact" label={t('tls.contact')} hint={t('tls.contactHint')} inputMode="email" ltr />}
        {!isSet && <Terms />}
        <Button type="submit" variant="outlined" loading={api.busy} sx={{ alignSelf: 'flex-start' }}>
          {t('tls.order')}
        </Button>
      </Stack>
    </Form>
  )
}

/** An authority by the name that people know. */
function hostOf(directory: string): string {
  return URL.canParse(directory) ? new URL(directory).host : directory
}

function Terms() {
  const { t } = useTranslation('setup')
  const { field, fieldState } = useController({ name: 'acme.terms_agreed' })
  return (
    <div>
      <FormControlLabel
        control={<Checkbox checked={Boolean(field.value)} onChange={(_, on) => field.onChange(on)} slotProps={{ input: { ref: field.ref } }} />}
        label={t('tls.agree')}
      />
      <Link href={TERMS} target="_blank" rel="noreferrer">
        {t('tls.terms')}
      </Link>
      {fieldState.error && <FormHelperText error>{fieldState.error.message}</FormHelperText>}
    </div>
  )
}

function Progress({ name }: { name: string }) {
  const { t } = useTranslation('setup')
  const format = useFormats()
  const act = useAct()
  const isTold = useIsLive()
  const { data: certificate, error, refetch } = useQuery({
    ...certificateQuery(name),
    refetchInterval: ({ state: { data } }) => askAgainMs({ isTold, waits: data?.state !== 'valid' }),
  })
  const valid = certificate?.state === 'valid'
  const order = useOrderLog(name, !valid)
  const fault = error && <Fault error={error} onRetry={() => void refetch()} />
  if (fault && !certificate) return fault
  const failed = !valid && !order.underWay && Boolean(certificate?.last_error)
  return (
    <Stack sx={{ gap: 1.5 }}>
      {/* Where both questions fail, one says so. */}
      {!order.error && fault}
      <Stack direction="row" aria-live="polite" sx={{ gap: 1, alignItems: 'center', flexWrap: 'wrap' }}>
        <Typography dir="ltr">{name}</Typography>
        <StateChip state={certificate?.state ?? 'pending'} />
      </Stack>
      {valid && (
        <Alert severity="success">
          {t('tls.done')}{' '}
          <Link href={`https://${name.includes(':') ? `[${name}]` : name}/`}>{t('tls.open')}</Link>
        </Alert>
      )}
      {failed && (
        <Alert
          severity="warning"
          action={
            <Button color="inherit" size="small" sx={{ whiteSpace: 'nowrap' }} onClick={() => void act(() => renewCertificate(name), t('tls.trying'))}>
              {t('tls.tryNow')}
            </Button>
          }
        >
          {t('tls.notYet')} {certificate?.next_try_at && t('tls.nextTry', { when: format.ago(certificate.next_try_at) })}
        </Alert>
      )}
      <OrderLog name={name} order={order} expected={!valid && !failed} />
    </Stack>
  )
}
