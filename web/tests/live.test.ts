// Holds the line to the server to what it promises: it comes back, it does not press, and it tells each thing once.

import { QueryClient } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { gatherChanges, keyOf } from '../src/app/live-changes'
import { deviceLive, forgetLive, onDevice, putDevices, putTraffic, REMEMBERED_MS, trafficLately } from '../src/app/live-store'
import { type Line, openStream, pauseMs, type Topic } from '../src/app/live-stream'

class FakeLine implements Line {
  readyState = 0
  readonly listeners = new Map<string, (event: { data?: unknown }) => void>()
  constructor(readonly address: string) {}
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.listeners.set(type, listener)
  }
  close(): void {
    this.readyState = 2
  }
  tell(type: string, data?: unknown): void {
    this.listeners.get(type)?.({ data })
  }
  refuse(): void {
    this.readyState = 2
    this.tell('error')
  }
}

function stream(mayGoOn: () => Promise<boolean> = async () => true) {
  const lines: FakeLine[] = []
  const states: string[] = []
  const events: [Topic, unknown][] = []
  const onMissed = vi.fn()
  const made = openStream({
    open: (address) => {
      const line = new FakeLine(address)
      lines.push(line)
      return line
    },
    mayGoOn,
    onEvent: (topic, data) => events.push([topic, data]),
    onState: (state) => states.push(state),
    onMissed,
  })
  return { ...made, lines, states, events, onMissed }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
  forgetLive()
})

test('one line carries the topics that are asked for', () => {
  const { listen, lines } = stream()

  listen(['changed', 'overview', 'changed'])
  listen(['overview', 'changed'])

  expect(lines.map(({ address }) => address)).toEqual(['/api/v1/events?topics=overview,changed'])
})

test('another choice of topics closes the line before', () => {
  const { listen, lines } = stream()

  listen(['changed'])
  listen(['changed', 'device'])

  expect(lines.map(({ readyState }) => readyState)).toEqual([2, 0])
})

test('what is told is handed on, and what is no JSON is nothing', () => {
  const { listen, lines, events } = stream()
  listen(['changed'])

  lines[0]?.tell('changed', '{"kind":"user"}')
  lines[0]?.tell('changed', 'oops')

  expect(events).toEqual([['changed', { kind: 'user' }], ['changed', undefined]])
})

test('a line that breaks is left to the browser', async () => {
  const { listen, lines, states } = stream()
  listen(['changed'])

  lines[0]?.tell('open')
  lines[0]?.tell('error')
  await vi.advanceTimersByTimeAsync(120_000)

  expect(lines).toHaveLength(1)
  expect(states).toEqual(['connecting', 'live', 'offline'])
})

test('a line that is refused is tried again, with longer and longer pauses', async () => {
  const { listen, lines } = stream()
  listen(['changed'])

  lines[0]?.refuse()
  await vi.advanceTimersByTimeAsync(pauseMs(0))
  lines[1]?.refuse()
  await vi.advanceTimersByTimeAsync(pauseMs(0))

  expect(lines).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(pauseMs(1) - pauseMs(0))
  expect(lines).toHaveLength(3)
  expect(pauseMs(20)).toBe(60_000)
})

test('who is not signed in any more is not asked for again', async () => {
  const { listen, lines } = stream(async () => false)
  listen(['changed'])

  lines[0]?.refuse()
  await vi.advanceTimersByTimeAsync(120_000)

  expect(lines).toHaveLength(1)
})

test('a line that was closed stays closed', async () => {
  const { listen, close, lines } = stream()
  listen(['changed'])

  lines[0]?.refuse()
  close()
  await vi.advanceTimersByTimeAsync(120_000)

  expect(lines).toHaveLength(1)
})

test('what happened between one line and the next may have been missed, before the first nothing', () => {
  const { listen, lines, onMissed } = stream()
  listen(['changed'])
  lines[0]?.tell('open')
  expect(onMissed).not.toHaveBeenCalled()

  listen(['changed', 'device'])
  expect(onMissed).not.toHaveBeenCalled()
  lines[1]?.tell('open')
  expect(onMissed).toHaveBeenCalledTimes(1)

  listen(['device', 'changed'])
  expect(lines).toHaveLength(2)
})

test('what happened while a line was broken or let go may have been missed', () => {
  const { listen, close, lines, onMissed } = stream()
  listen(['changed'])
  lines[0]?.tell('open')
  lines[0]?.tell('error')
  lines[0]?.tell('open')
  expect(onMissed).toHaveBeenCalledTimes(1)

  close()
  listen(['changed'])
  lines[1]?.tell('open')
  expect(onMissed).toHaveBeenCalledTimes(2)
})

test('many changes of a kind read its lists anew once', async () => {
  const client = new QueryClient()
  const invalidated = vi.spyOn(client, 'invalidateQueries')
  for (const key of ['users', 'devices', 'audit']) client.setQueryData([key, 'list', {}], {})
  const changes = gatherChanges(client)

  for (let row = 0; row < 200; row += 1) changes.add({ kind: 'user', id: String(row) })
  await vi.advanceTimersByTimeAsync(1000)

  expect(invalidated).toHaveBeenCalledTimes(1)
  const stale = client.getQueryCache().getAll().filter((query) => query.isStale() && query.state.isInvalidated)
  expect(stale.map(({ queryKey }) => queryKey[0])).toEqual(['users', 'audit'])
})

test('a step of an order is shown at once, with the certificate that it is about', async () => {
  const client = new QueryClient()
  for (const key of ['certificates', 'certificate-logs', 'audit']) client.setQueryData([key, 'vpn.example.org'], {})
  const changes = gatherChanges(client)

  changes.add({ kind: 'certificate_log', id: 'vpn.example.org' })

  const stale = client.getQueryCache().getAll().filter((query) => query.state.isInvalidated)
  expect(stale.map(({ queryKey }) => queryKey[0])).toEqual(['certificates', 'certificate-logs'])
})

test.each([
  ['device', 'devices'],
  ['api_token', 'api-tokens'],
  ['webhook_delivery', 'webhook-deliveries'],
  ['settings', 'settings'],
])('a change of a %s concerns the answers kept under %s', (kind, key) => {
  expect(keyOf(kind)).toBe(key)
})

test('only who shows a device is told of it', () => {
  const told = vi.fn()
  const stop = onDevice('a', told)
  const row = { id: 'a', online: true, rx_bytes: 1, tx_bytes: 2, rx_bytes_per_s: 3, tx_bytes_per_s: 4, last_handshake_at: null }

  putDevices([row, { ...row, id: 'b' }, 'nonsense'])
  stop()
  putDevices([{ ...row, online: false }])

  expect(told).toHaveBeenCalledTimes(1)
  expect(deviceLive('a')?.online).toBe(false)
})

test('the line of traffic forgets what is older than it shows', () => {
  putTraffic(1, 1, 0)
  putTraffic(2, 2, 500)
  putTraffic(3, 3, REMEMBERED_MS - 1)
  putTraffic(4, 4, REMEMBERED_MS + 1000)

  expect(trafficLately().map(({ rx }) => rx)).toEqual([3, 4])
})
