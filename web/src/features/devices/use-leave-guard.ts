// Asks before what is shown once goes away: by "back", by a link, by closing the window.

import { useEffect } from 'react'
import { useBlocker } from 'react-router'

export function useLeaveGuard(on: boolean, ask: () => Promise<boolean>): void {
  const blocker = useBlocker(({ currentLocation, nextLocation }) => on && currentLocation.pathname !== nextLocation.pathname)
  useEffect(() => {
    if (blocker.state !== 'blocked') return
    void ask().then((yes) => (yes ? blocker.proceed() : blocker.reset()))
    // The question is asked once for each attempt to leave, however often the page is drawn meanwhile.
    // eslint-disable-next-line react/exhaustive-deps
  }, [blocker.state])
  useEffect(() => {
    if (!on) return undefined
    const hold = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', hold)
    return () => removeEventListener('beforeunload', hold)
  }, [on])
}
