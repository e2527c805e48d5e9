// Signing in again in a window of its own, with every way there is, while the page that asked for it stays with all that was
// typed in it. Windows of this browser tell each other of a sign-in; the cookie is everybody's.

import { paths } from '../app/paths'

const CHANNEL = 'signed-in'

/** Where the browser opens no window, this one goes there, and comes back to the page alone. */
export function signInElsewhere(): void {
  const opened = window.open(paths.signIn(paths.signedIn()), '_blank', 'popup,width=520,height=800')
  if (!opened) location.assign(paths.signIn(location.pathname + location.search))
}

export function tellSignedIn(): void {
  const channel = new BroadcastChannel(CHANNEL)
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none: it is this origin's own
  channel.postMessage('')
  channel.close()
}

/** Hears of sign-ins in other windows, and in this one. */
export function onSignedIn(tell: () => void): () => void {
  const channel = new BroadcastChannel(CHANNEL)
  channel.addEventListener('message', tell)
  return () => channel.close()
}
