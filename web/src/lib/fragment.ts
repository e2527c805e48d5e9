// The one-time token of a link stands behind the `#`, which a browser never sends to a server.

export function tokenFromFragment(fragment: string): string {
  const text = fragment.replace(/^#/, '').replace(/^token=/, '')
  try {
    return decodeURIComponent(text).trim()
  } catch {
    return text.trim()
  }
}

/** Takes a spent token out of the address bar and the history. */
export function forgetFragment(): void {
  history.replaceState(history.state, '', location.pathname + location.search)
}
