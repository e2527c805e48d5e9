// The page behind a link that sets a new password. Only the button spends it, so a preview or a mail scanner does not.

import { spendByForm } from './lib/token-form.ts'

spendByForm('/api/v1/password-resets/redeem', 'Your password is set')
