// The few lines of DOM work that the pages share.

/** The element the page's own HTML promises. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.querySelector(`#${id}`)
  if (!(found instanceof kind)) throw new Error(`the page has no #${id}`)
  return found
}

export function element(tag: string, text = '', className = ''): HTMLElement {
  const made = document.createElement(tag)
  if (text) made.textContent = text
  if (className) made.className = className
  return made
}

export function button(label: string, run: () => void | Promise<void>): HTMLButtonElement {
  const made = document.createElement('button')
  made.type = 'button'
  made.textContent = label
  made.addEventListener('click', () => void run())
  return made
}

/** The one-time token behind the `#`, which a browser never sends to a server. */
export function tokenFromFragment(fragment: string): string {
  return decodeURIComponent(fragment.replace(/^#/, '').replace(/^token=/, '')).trim()
}

/** Takes a spent token out of the address bar and the history. */
export function forgetFragment(): void {
  history.replaceState(null, '', location.pathname)
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

/** Clipboards are closed to pages that are not HTTPS; a selected text area is the way that still works there. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.setAttribute('readonly', '')
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}
