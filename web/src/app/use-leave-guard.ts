// Asks before what is shown once goes away: by "back", by a link, by closing the window.

import { useEffect, useRef } from 'react'
import { useBlocker, useNavigate } from 'react-router'

/**
 * The question is asked where the router asks, not where it tells of it: that comes with a drawing of the page, which
 * may be late, and two attempts would look like one.
 */
export function useLeaveGuard(on: boolean, ask: () => Promise<boolean>): void {
  const navigate = useNavigate()
  const state = useRef({ asking: false, sure: false })
  async function leave(go: () => void | Promise<void>): Promise<void> {
    state.current.asking = true
    state.current.sure = await ask()
    state.current.asking = false
    if (state.current.sure) await go()
  }
  useBlocker(({ currentLocation: from, nextLocation: to }) => {
    if (!on || state.current.sure || from.pathname === to.pathname) return false
    if (!state.current.asking) void leave(() => navigate(to, { replace: true }))
    return true
  })
  useEffect(() => {
    if (!on) return undefined
    const hold = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', hold)
    return () => removeEventListener('beforeunload', hold)
  }, [on])
}
