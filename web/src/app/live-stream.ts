// The line on which the server tells a page what happens (Server-Sent Events). It comes back by itself: the browser's own
// way where a line breaks, with growing pauses where the server refuses one.

export type Topic = 'overview' | 'device' | 'changed'
export type LineState = 'connecting' | 'live' | 'offline'

/** What of `EventSource` is used, so that tests can stand in for it. */
export interface Line {
  readyState: number
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void
  close(): void
}

export interface StreamOptions {
  open: (address: string) => Line
  /** Whether to go on after a refusal: false where nobody is signed in any more. It may take as long as signing in does. */
  mayGoOn: () => Promise<boolean>
  onEvent: (topic: Topic, data: unknown) => void
  onState: (state: LineState) => void
  /** The line is open after a time without one: what happened meanwhile was told to nobody. */
  onMissed: () => void
}

export interface Stream {
  /** What is listened to; another line is opened where this differs from before. */
  listen(topics: readonly Topic[]): void
  close(): void
}

const TOPICS: readonly Topic[] = ['overview', 'device', 'changed']
/** `EventSource.CLOSED`: the server refused, and the browser does not try again. */
const CLOSED = 2
/** From one try to the next after refusals: a server that is busy should not be asked more for it. */
const PAUSE_MS = { first: 2000, longest: 60_000 }

export function openStream({ open, mayGoOn, onEvent, onState, onMissed }: StreamOptions): Stream {
  let line: Line | undefined
  let address = ''
  let refusals = 0
  let wasOpen = false
  let missed = false
  let timer: ReturnType<typeof setTimeout> | undefined

  function connect(): void {
    hangUp()
    if (!address) return
    onState('connecting')
    // Also between one line and the next, for other topics, something may happen.
    if (wasOpen) missed = true
    const mine = open(address)
    line = mine
    mine.addEventListener('open', () => {
      if (line !== mine) return
      refusals = 0
      wasOpen = true
      onState('live')
      if (missed) onMissed()
      missed = false
    })
    mine.addEventListener('error', () => {
      if (line !== mine) return
      missed = true
      onState('offline')
      if (mine.readyState === CLOSED) void refused(mine)
    })
    for (const topic of TOPICS) {
      mine.addEventListener(topic, ({ data }) => onEvent(topic, parsed(data)))
    }
  }
  async function refused(mine: Line): Promise<void> {
    const goOn = await mayGoOn().catch(() => true)
    // Meanwhile somebody may have closed this line or asked for another.
    if (!goOn || line !== mine) return
    timer = setTimeout(connect, pauseMs(refusals))
    refusals += 1
  }
  function hangUp(): void {
    clearTimeout(timer)
    line?.close()
    line = undefined
  }
  return {
    listen(topics) {
      const next = topics.length === 0 ? '' : `/api/v1/events?topics=${TOPICS.filter((topic) => topics.includes(topic)).join(',')}`
      if (next === address && line) return
      address = next
      connect()
    },
    close() {
      address = ''
      missed = true
      hangUp()
    },
  }
}

export function pauseMs(refusals: number): number {
  return Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** refusals)
}

function parsed(data: unknown): unknown {
  try {
    return JSON.parse(String(data))
  } catch {
    return undefined
  }
}
