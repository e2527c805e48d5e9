// The page behind an invite. Only the button spends it, so a preview or a mail scanner does not.

import { spendByForm } from './lib/token-form.ts'

spendByForm('/api/v1/invites/redeem', 'Welcome')
