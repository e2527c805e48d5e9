import { expect, test } from 'vitest'

import { suggestedDevice } from '../src/features/setup/plan'
import { clientOf } from '../src/lib/user-agent'

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36'
const EDGE = `${CHROME.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64; x64')} Edg/141.0.0.0`
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'
const PIXEL = 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36'

test.each([
  [CHROME, { program: 'Chrome', system: 'Linux' }],
  [EDGE, { program: 'Edge', system: 'Windows' }],
  [IPHONE, { program: 'Safari', system: 'iPhone' }],
  [PIXEL, { program: 'Chrome', system: 'Android' }],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0', { program: 'Firefox', system: 'macOS' }],
  ['curl/8.5.0', { program: 'curl', system: '' }],
  ['', { program: '', system: '' }],
])('%s is told in words', (userAgent, words) => {
  expect(clientOf(userAgent)).toEqual(words)
})

test('a name is suggested for the device that reads', () => {
  expect([CHROME, IPHONE, PIXEL, PIXEL.replace('Mobile ', '')].map(suggestedDevice)).toEqual(['laptop', 'phone', 'phone', 'tablet'])
})
