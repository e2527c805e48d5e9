// The questions of the setup, a few at a time. What was typed stays when one goes back.

import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import Step from '@mui/material/Step'
import StepButton from '@mui/material/StepButton'
import Stepper from '@mui/material/Stepper'
import Typography from '@mui/material/Typography'
import useMediaQuery from '@mui/material/useMediaQuery'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../../api/problem'
import { Form, FormFault } from '../../form/form'
import { useApiForm } from '../../form/use-api-form'
import { withPrivateKey } from '../../lib/conf'
import { forgetFragment } from '../../lib/fragment'
import { type KeyPair, makeKeyPair } from '../../lib/keys'
import { setupQuery } from '../../session/session'
import type { Made } from './made'
import { PARTS, partAtFault, requestOf, setupSchema, suggestions, type SetupValues } from './plan'
import { runSetup } from './queries'
import { DeviceFields, EndpointFields, NetworkFields, OwnerFields } from './steps'

const FIELDS = { owner: OwnerFields, endpoint: EndpointFields, network: NetworkFields, device: DeviceFields }

export function Wizard({ token, onMade }: { token: string; onMade: (made: Made) => void }) {
  const { t } = useTranslation(['setup', 'links'])
  const api = useSetup(token, onMade)
  const { form } = api
  const [step, setStep] = useState(0)
  const heading = useRef<HTMLHeadingElement>(null)
  const part = PARTS[step] ?? 'owner'
  const last = step === PARTS.length - 1
  const { errors, submitCount, isSubmitting } = form.formState
  const Fields = FIELDS[part]

  function go(to: number): void {
    setStep(to)
    heading.current?.focus()
  }
  async function advance(): Promise<void> {
    if (last) api.submit()
    else if (await form.trigger(part, { shouldFocus: true })) go(step + 1)
  }
  // What the server refused may belong to a part that is not shown.
  useEffect(() => {
    const at = partAtFault(errors)
    if (submitCount > 0 && !isSubmitting && at) setStep(PARTS.indexOf(at))
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [submitCount, isSubmitting])

  return (
    <Form api={api} onSubmit={() => void advance()}>
      <Stack sx={{ gap: 2.5 }}>
        <Typography color="text.secondary">{t('lead')}</Typography>
        <Progress step={step} onGo={go} errors={errors} />
        <Typography variant="h2" ref={heading} tabIndex={-1} sx={{ outline: 'none' }}>
          {t(`part.${part}`)}
        </Typography>
        <FormFault api={api} />
        {api.fault !== undefined && !(api.fault instanceof ApiProblem) && <Typography>{t('noAnswer')}</Typography>}
        <Fields />
        <Stack direction="row" sx={{ gap: 1, justifyContent: 'space-between' }}>
          <Button color="inherit" disabled={step === 0} onClick={() => go(step - 1)}>
            {t('back')}
          </Button>
          <Button type="submit" variant="contained" loading={api.busy}>
            {last ? t('create') : t('next')}
          </Button>
        </Stack>
      </Stack>
    </Form>
  )
}

function useSetup(token: string, onMade: (made: Made) => void) {
  const { t } = useTranslation(['setup', 'links'])
  const client = useQueryClient()
  // One pair for the page: if an answer is lost, the key that the server knows is still here.
  const keys = useRef<KeyPair>(undefined)
  return useApiForm<SetupValues>({
    schema: setupSchema((key, values) => t(key, values ?? {})),
    values: suggestions(location.hostname, navigator.userAgent, t('homeName')),
    send: async (values) => {
      keys.current ??= await makeKeyPair()
      const { config, authority } = await runSetup(token, requestOf(values, keys.current.publicKey))
      forgetFragment()
      client.setQueryData(setupQuery.queryKey, { needed: false })
      onMade({
        login: values.owner.login.trim(),
        password: values.owner.password,
        device: values.device.name.trim(),
        conf: config ? withPrivateKey(config.conf, keys.current.privateKey) : '',
        fileName: config?.file_name ?? '',
        endpointHost: values.endpoint.host.trim(),
        authority: authority ?? null,
      })
    },
  })
}

function Progress({ step, onGo, errors }: { step: number; onGo: (to: number) => void; errors: object }) {
  const { t } = useTranslation('setup')
  const narrow = useMediaQuery((theme) => theme.breakpoints.down('sm'))
  if (narrow) return <Typography color="text.secondary">{t('stepOf', { step: step + 1, count: PARTS.length })}</Typography>
  return (
    <Stepper activeStep={step} nonLinear={false}>
      {PARTS.map((part, place) => (
        <Step key={part} completed={place < step && !(part in errors)} disabled={place > step}>
          <StepButton color="inherit" onClick={() => onGo(place)}>
            {t(`short.${part}`)}
          </StepButton>
        </Step>
      ))}
    </Stepper>
  )
}
