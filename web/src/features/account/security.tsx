// How one signs in: the password, second factors, and identity providers that vouch for one.

import Alert from '@mui/material/Alert'
import { useSuspenseQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

import { useMe } from '../../session/use-me'
import { AccountFrame } from './frame'
import { IdentitiesPart } from './identities'
import { PasskeysPart } from './passkeys'
import { PasswordPart } from './password'
import { mfaQuery } from './queries'
import { RecoveryCodes, RecoveryPart } from './recovery'
import { TotpPart } from './totp'

export function Component() {
  const { t } = useTranslation(['account', 'common'])
  const me = useMe()
  const { data: mfa } = useSuspenseQuery(mfaQuery)
  // Of the page, as the part that made them is drawn anew by then.
  const [codes, setCodes] = useState<string[]>()
  const mustEnrol = mfa.required && !mfa.enrolled
  return (
    <AccountFrame title={t('common:account.security')}>
      {mustEnrol && (
        <Alert severity="warning" sx={{ mb: 2 }}>
          {t('mfa.required')}
        </Alert>
      )}
      <TotpPart mfa={mfa} onCodes={setCodes} />
      <PasskeysPart mfa={mfa} onCodes={setCodes} />
      {mfa.enrolled && <RecoveryPart left={mfa.recovery_codes_left} onCodes={setCodes} />}
      {!mustEnrol && <PasswordPart key={String(me.has_password)} />}
      {!mustEnrol && <IdentitiesPart />}
      {codes && <RecoveryCodes codes={codes} login={me.login} onClose={() => setCodes(undefined)} />}
    </AccountFrame>
  )
}
