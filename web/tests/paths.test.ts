// People bookmark addresses of the panel, and letters carry them: one that changes breaks both.

import { expect, test } from 'vitest'

import { paths } from '../src/app/paths'

test('the addresses of the panel are the ones that people have kept', () => {
  const lines = Object.entries(paths).flatMap(([name, value]) =>
    typeof value === 'function' ? [`${name} ${value()}`] : Object.entries(value).map(([page, path]) => `${name}.${page} ${path('a b/c')}`),
  )

  expect(lines.join('\n')).toMatchSnapshot()
})
