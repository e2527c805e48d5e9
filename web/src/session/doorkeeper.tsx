// Asks for a sign-in over the page when its session has ended, and for a fresh proof where an act wants one. The page
// beneath stays as it is, and what was refused is sent again.

import Key from '@mui/icons-material/Key'
import Box from '@mui/material/Box'
import Button from '@mui/material/Button'
import Dialog from '@mui/material/Dialog'
import DialogContent from '@mui/material/DialogContent'
import DialogTitle from '@mui/material/DialogTitle'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'

import { api, setDoorkeeper, take } from '../api/client'
import { ApiProblem } from '../api/problem'
import type { Me } from '../api/types'
import { paths } from '../app/paths'
import { Fault } from '../ui/fault'
import { onSignedIn, signInElsewhere, tellSignedIn } from './elsewhere'
import { askPasskey, knowsPasskeys, meQuery } from './session'
import { SignInSteps } from './steps'
import { useMe } from './use-me'

type Asking = 'sign-in' | 'proof'

export function Doorkeeper() {
  const me = useMe()
  // Whose page this is: what was begun as one must not go on as somebody who signed in in another tab.
  const [owner] = useState(me.id)
  const client = useQueryClient()
  const enrol = useEnrol()
  const [asking, setAsking] = useState<Asking>()
  const [fault, setFault] = useState<unknown>()
  const waiting = useRef<{ promise: Promise<boolean>; end: (done: boolean) => void }>(undefined)

  useEffect(() => {
    // Requests that fail together wait for one answer.
    function ask(what: Asking): Promise<boolean> {
      if (!waiting.current) {
        const { promise, resolve } = Promise.withResolvers<boolean>()
        waiting.current = { promise, end: resolve }
        setAsking(what)
      }
      return waiting.current.promise
    }
    const renew = async () => (await client.fetchQuery({ ...meQuery, staleTime: 0 })).id === owner
    setDoorkeeper({ signIn: () => ask('sign-in'), prove: () => ask('proof'), renew, enrol })
    return () => void setDoorkeeper(undefined)
  }, [client, enrol, owner])
  useEffect(() => {
    if (me.id !== owner) location.assign(paths.home())
  }, [me.id, owner])

  const end = useCallback((done: boolean) => {
    waiting.current?.end(done)
    waiting.current = undefined
    setAsking(undefined)
    setFault(undefined)
  }, [])
  const signedIn = useCallback(async () => {
    setFault(undefined)
    try {
      // Where it was this question that was refused, it waits for the answer to it.
      await client.cancelQueries({ queryKey: meQuery.queryKey, exact: true })
      const again = await client.fetchQuery({ ...meQuery, staleTime: 0 })
      // Somebody else's page is loaded anew, see above.
      if (again.id === owner) end(true)
    } catch (error) {
      setFault(error)
    }
  }, [client, end, owner])
  const provable = me.has_password || me.has_mfa
  // Of a sign-in here or in another window. An act that waits for a proof goes on by it only where no other proof can be given: elsewhere
  // somebody may have signed in for something else.
  const hears = asking === 'sign-in' || (asking === 'proof' && !provable)
  useEffect(() => (hears ? onSignedIn(() => void signedIn()) : undefined), [hears, signedIn])
  return (
    <>
      {asking === 'sign-in' && <SessionEnded me={me} fault={fault} onDone={tellSignedIn} onRetry={() => void signedIn()} />}
      {asking === 'proof' && !provable && <NoProof onClose={() => end(false)} />}
      {asking === 'proof' && provable && <Proof me={me} onDone={() => end(true)} onClose={() => end(false)} onEnded={() => setAsking('sign-in')} />}
    </>
  )
}

/** To where a second factor is made, once, however many requests were refused for want of one. */
function useEnrol(): () => void {
  const navigate = useNavigate()
  return useCallback(() => {
    if (location.pathname !== paths.security()) void navigate(paths.security(), { replace: true })
  }, [navigate])
}

/** `fault` is of what comes after the sign-in: reading who it is. */
function SessionEnded({ me, fault, onDone, onRetry }: { me: Me; fault: unknown; onDone: () => void; onRetry: () => void }) {
  const { t } = useTranslation('session')
  return (
    <Dialog open maxWidth="xs" aria-labelledby="ended-title">
      <DialogTitle id="ended-title">{t('ended.title')}</DialogTitle>
      <DialogContent>
        <Typography sx={{ mb: 2 }}>{t('ended.text')}</Typography>
        {fault !== undefined && (
          <Box sx={{ mb: 2 }}>
            <Fault error={fault} onRetry={onRetry} />
          </Box>
        )}
        <SignInSteps login={me.login} onDone={onDone} />
        <Button color="inherit" fullWidth sx={{ mt: 1 }} onClick={signInElsewhere}>
          {t('ended.other')}
        </Button>
      </DialogContent>
    </Dialog>
  )
}

/** For who has nothing to prove it with here, because an identity provider vouches for them: a new sign-in is the proof. */
function NoProof({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('session')
  return (
    <Dialog open onClose={onClose} maxWidth="xs" aria-labelledby="proof-title">
      <DialogTitle id="proof-title">{t('proof.title')}</DialogTitle>
      <DialogContent>
        <Stack sx={{ gap: 2 }}>
          <Typography>{t('proof.byProvider')}</Typography>
          <Button variant="contained" onClick={signInElsewhere}>
            {t('ended.title')}
          </Button>
          <Button color="inherit" onClick={onClose}>
            {t('proof.cancel')}
          </Button>
        </Stack>
      </DialogContent>
    </Dialog>
  )
}

/** `onEnded` is for a session that ended meanwhile; signing in is a proof as good as any. */
function Proof({ me, onDone, onClose, onEnded }: { me: Me; onDone: () => void; onClose: () => void; onEnded: () => void }) {
  const { t } = useTranslation('session')
  const [proof, setProof] = useState('')
  const [fault, setFault] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const wrong = fault instanceof ApiProblem ? fault.faults.find(({ pointer }) => pointer === '/proof')?.detail : undefined

  async function attempt(act: () => Promise<unknown>): Promise<void> {
    setBusy(true)
    setFault(undefined)
    try {
      await act()
      onDone()
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) onEnded()
      else if (!(error instanceof DOMException)) setFault(error)
    } finally {
      setBusy(false)
    }
  }
  function submit(event: FormEvent): void {
    event.preventDefault()
    void attempt(() => take(api.POST('/me/step-up', { body: { proof: me.has_mfa ? proof.trim() : proof } })))
  }
  async function byPasskey(): Promise<void> {
    const { challenge, options } = await take(api.POST('/me/step-up/passkey/begin'))
    const credential = await askPasskey(options)
    await take(api.POST('/me/step-up/passkey', { body: { challenge, credential } }))
  }
  return (
    <Dialog open onClose={onClose} maxWidth="xs" aria-labelledby="proof-title">
      <DialogTitle id="proof-title">{t('proof.title')}</DialogTitle>
      <DialogContent>
        <form onSubmit={submit}>
          <Stack sx={{ gap: 2 }}>
            <Typography>{t('proof.text')}</Typography>
            {fault !== undefined && wrong === undefined && <Fault error={fault} />}
            <TextField
              label={me.has_mfa ? t('code') : t('password')}
              error={wrong !== undefined}
              helperText={wrong ?? (me.has_mfa ? t('codeHint') : undefined)}
              type={me.has_mfa ? 'text' : 'password'}
              value={proof}
              onChange={(event) => setProof(event.target.value)}
              required
              autoFocus
              slotProps={{ htmlInput: { autoComplete: me.has_mfa ? 'one-time-code' : 'current-password' }, inputLabel: { required: false } }}
            />
            <Button type="submit" variant="contained" loading={busy}>
              {t('proof.goOn')}
            </Button>
            {me.has_mfa && knowsPasskeys() && (
              <Button variant="outlined" startIcon={<Key />} disabled={busy} onClick={() => void attempt(byPasskey)}>
                {t('usePasskey')}
              </Button>
            )}
            <Button color="inherit" onClick={onClose}>
              {t('proof.cancel')}
            </Button>
          </Stack>
        </form>
      </DialogContent>
    </Dialog>
  )
}
