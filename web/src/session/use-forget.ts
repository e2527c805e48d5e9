import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from 'react-router'

import { setCsrfToken } from '../api/client'
import { paths } from '../app/paths'

/** Leaves for the sign-in page and forgets all that was read; for when the session is gone. */
export function useForget(): () => Promise<void> {
  const navigate = useNavigate()
  const client = useQueryClient()
  return async () => {
    setCsrfToken(undefined)
    await navigate(paths.signIn(), { replace: true })
    client.clear()
  }
}
