// The steps of a sign-in, on the sign-in page and over a page whose session has ended: login and password, then a code
// or a passkey where the account asks for it.

import Key from '@mui/icons-material/Key'
import Button from '@mui/material/Button'
import Stack from '@mui/material/Stack'
import TextField from '@mui/material/TextField'
import Typography from '@mui/material/Typography'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'

import { ApiProblem } from '../api/problem'
import { Fault } from '../ui/fault'
import { answerByCode, knowsPasskeys, type SecondFactor, signIn, signInByPasskey, type Step } from './session'

/** A question takes that many answers; the server says of each wrong one the same. */
const ANSWERS = 5

interface StepsProps {
  /** The login, where the page knows whose session ended. */
  login?: string
  question?: SecondFactor
  onDone: (enrolmentRequired: boolean) => void
}

export function SignInSteps({ login, question: asked, onDone }: StepsProps) {
  const [question, setQuestion] = useState(asked)
  const [fault, setFault] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const [wrong, setWrong] = useState(0)

  async function take(step: () => Promise<Step>): Promise<void> {
    setFault(undefined)
    setBusy(true)
    try {
      const next = await step()
      if (next.kind === 'done') onDone(next.enrolmentRequired)
      else {
        setWrong(0)
        setQuestion(next.question)
      }
    } catch (error) {
      // Closing the browser's own dialog is no fault.
      if (!(error instanceof DOMException)) setFault(error)
      if (!question || !(error instanceof ApiProblem) || error.status !== 401) return
      setWrong(wrong + 1)
      // A question that was answered wrong too often, or too late, is no good any more.
      if (wrong + 1 >= ANSWERS || Date.parse(question.expires_at) <= Date.now()) setQuestion(undefined)
    } finally {
      setBusy(false)
    }
  }
  const props = { busy, take: (step: () => Promise<Step>) => void take(step) }
  return (
    <Stack sx={{ gap: 2 }}>
      {fault !== undefined && <Fault error={fault} />}
      {question ? <SecondStep key={wrong} {...props} question={question} onBack={() => setQuestion(undefined)} /> : <FirstStep {...props} known={login} />}
    </Stack>
  )
}

interface StepProps {
  busy: boolean
  take: (step: () => Promise<Step>) => void
}

function FirstStep({ busy, take, known }: StepProps & { known: string | undefined }) {
  const { t } = useTranslation('session')
  const [login, setLogin] = useState(known ?? '')
  const [password, setPassword] = useState('')
  function submit(event: FormEvent): void {
    event.preventDefault()
    take(() => signIn(login.trim(), password))
  }
  return (
    <form onSubmit={submit}>
      <Stack sx={{ gap: 2 }}>
        <TextField
          label={t('login')}
          value={login}
          onChange={(event) => setLogin(event.target.value)}
          required
          autoFocus={known === undefined}
          disabled={known !== undefined}
          slotProps={{ htmlInput: { autoComplete: 'username webauthn', autoCapitalize: 'none', spellCheck: false }, inputLabel: { required: false } }}
        />
        <TextField
          label={t('password')}
          type="password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          required
          autoFocus={known !== undefined}
          slotProps={{ htmlInput: { autoComplete: 'current-password' }, inputLabel: { required: false } }}
        />
        <Button type="submit" variant="contained" size="large" loading={busy}>
          {t('signIn')}
        </Button>
        {knowsPasskeys() && (
          <Button variant="outlined" startIcon={<Key />} disabled={busy} onClick={() => take(() => signInByPasskey())}>
            {t('byPasskey')}
          </Button>
        )}
      </Stack>
    </form>
  )
}

function SecondStep({ busy, take, question, onBack }: StepProps & { question: SecondFactor; onBack: () => void }) {
  const { t } = useTranslation('session')
  const [code, setCode] = useState('')
  const byCode = question.methods.some((method) => method !== 'passkey')
  function submit(event: FormEvent): void {
    event.preventDefault()
    take(() => answerByCode(question.challenge, code.trim()))
  }
  return (
    <Stack sx={{ gap: 2 }}>
      {byCode && (
        <form onSubmit={submit}>
          <Stack sx={{ gap: 2 }}>
            <Typography>{t('codeLead')}</Typography>
            <TextField
              label={t('code')}
              value={code}
              onChange={(event) => setCode(event.target.value)}
              required
              autoFocus
              helperText={t('codeHint')}
              slotProps={{ htmlInput: { autoComplete: 'one-time-code', autoCapitalize: 'none', spellCheck: false, dir: 'ltr' }, inputLabel: { required: false } }}
            />
            <Button type="submit" variant="contained" size="large" loading={busy}>
              {t('finish')}
            </Button>
          </Stack>
        </form>
      )}
      {question.methods.includes('passkey') && (
        <Button variant={byCode ? 'outlined' : 'contained'} startIcon={<Key />} disabled={busy} onClick={() => take(() => signInByPasskey(question))}>
          {t('usePasskey')}
        </Button>
      )}
      <Button color="inherit" onClick={onBack}>
        {t('back')}
      </Button>
    </Stack>
  )
}
