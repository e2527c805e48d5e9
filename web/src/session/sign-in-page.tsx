// Signing in: by password, passkey, or somebody who vouches. Also where an identity provider sends the browser back to.

import Alert from '@mui/material/Alert'
import Button from '@mui/material/Button'
import Divider from '@mui/material/Divider'
import Link from '@mui/material/Link'
import Stack from '@mui/material/Stack'
import Typography from '@mui/material/Typography'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link as RouterLink, useNavigate, useSearchParams } from 'react-router'

import { api, take } from '../api/client'
import { paths } from '../app/paths'
import { ownAddress } from '../lib/own-address'
import { Fault } from '../ui/fault'
import { Code, Waiting } from '../ui/parts'
import { useToast } from '../ui/toast'
import { Door } from './door'
import { tellSignedIn } from './elsewhere'
import { finishAtProvider, meQuery, providersQuery, type SecondFactor, setupQuery } from './session'
import { SignInSteps } from './steps'

export function Component() {
  const { t } = useTranslation('session')
  const goOn = useGoOn()
  const back = useWayBack(goOn)
  const setup = useQuery(setupQuery)
  if (back.waiting) return <Waiting />
  if (setup.data?.needed) return <NotSetUp />
  return (
    <Door title={t('title')}>
      <Stack sx={{ gap: 2 }}>
        {back.refusal && <Refused word={back.refusal} />}
        {back.fault !== undefined && <Fault error={back.fault} />}
        <SignInSteps key={back.question?.challenge} {...(back.question ? { question: back.question } : {})} onDone={goOn} />
        <Providers />
        <Link component={RouterLink} to={paths.forgot()} sx={{ textAlign: 'center' }}>
          {t('forgot')}
        </Link>
      </Stack>
    </Door>
  )
}

/** Why an identity provider's word did not do. Who was linking an account is signed in all along, and goes back to it. */
function Refused({ word }: { word: string }) {
  const { t } = useTranslation(['session', 'common'])
  const me = useQuery(meQuery)
  return (
    <Alert
      severity="error"
      action={
        me.data && (
          <Button color="inherit" size="small" component={RouterLink} to={paths.security()}>
            {t('common:account.security')}
          </Button>
        )
      }
    >
      {t(`refusal.${word}`, { defaultValue: t('refusal.other', { word }) })}
    </Alert>
  )
}

/** Where the page that was asked for is kept while the browser is at an identity provider. */
const WANTED = 'wanted-page'

/** Where to after signing in: the page that was asked for, unless a second factor has to be made first. */
function useGoOn(): (enrolmentRequired: boolean) => void {
  const navigate = useNavigate()
  const client = useQueryClient()
  const [search] = useSearchParams()
  return (enrolmentRequired) => {
    tellSignedIn()
    const wanted = search.get('to') ?? sessionStorage.getItem(WANTED) ?? paths.home()
    sessionStorage.removeItem(WANTED)
    const to = ownAddress(wanted, location.origin) ?? paths.home()
    void client.resetQueries({ queryKey: meQuery.queryKey }).then(() => navigate(enrolmentRequired ? paths.security() : to, { replace: true }))
  }
}

/** What an identity provider's answer came to; it stands behind the `#`, where no server's log has it. */
function useWayBack(goOn: (enrolmentRequired: boolean) => void) {
  const [word] = useState(() => location.hash.replace(/^#/, ''))
  const [fault, setFault] = useState<unknown>()
  const [question, setQuestion] = useState<SecondFactor>()
  const navigate = useNavigate()
  const [waiting, setWaiting] = useState(word === 'done')
  const begun = useRef(false)
  const toast = useToast()
  const { t } = useTranslation('session')
  useEffect(() => {
    if (begun.current) return
    begun.current = true
    // Who comes from no provider did not go on there, and the page that was wanted then is wanted no more.
    if (word === '') sessionStorage.removeItem(WANTED)
    if (word === 'linked') {
      void navigate(paths.security(), { replace: true })
      toast({ text: t('linked') })
      return
    }
    if (word !== '') history.replaceState(history.state, '', location.pathname + location.search)
    if (word !== 'done') return
    finishAtProvider()
      .then((step) => (step.kind === 'done' ? goOn(step.enrolmentRequired) : setQuestion(step.question)))
      .catch(setFault)
      .finally(() => setWaiting(false))
    // It is traded once, whatever is drawn anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [word])
  return { waiting, fault, question, refusal: /^error=(\w+)$/.exec(word)?.[1] }
}

function Providers() {
  const { t } = useTranslation('session')
  const { data } = useQuery(providersQuery)
  const [search] = useSearchParams()
  const [fault, setFault] = useState<unknown>()
  if (!data || data.items.length === 0) return null
  async function begin(id: string): Promise<void> {
    try {
      const { url } = await take(api.POST('/sign-in/providers/{id}/begin', { params: { path: { id } } }))
      sessionStorage.setItem(WANTED, search.get('to') ?? paths.home())
      location.assign(url)
    } catch (error) {
      setFault(error)
    }
  }
  return (
    <>
      <Divider>{t('or')}</Divider>
      {fault !== undefined && <Fault error={fault} />}
      {data.items.map(({ id, name }) => (
        <Button key={id} variant="outlined" color="inherit" onClick={() => void begin(id)}>
          {t('byProvider', { name })}
        </Button>
      ))}
    </>
  )
}

function NotSetUp() {
  const { t } = useTranslation('session')
  return (
    <Door title={t('notSetUp.title')}>
      <Typography sx={{ mb: 2 }}>{t('notSetUp.text')}</Typography>
      <Code>caspervpn setup-link</Code>
    </Door>
  )
}

// A page of its own, but no file of its own to fetch: it is shown after this one only.
export { SignedIn } from './signed-in'
