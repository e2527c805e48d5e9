import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, test } from 'vitest'

import { forgetFailed } from '../src/app/forget-failed'

test('what failed is asked for again on coming back; what was answered once, or is still shown, is kept', async () => {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const fail = async () => Promise.reject(new Error('away'))
  await client.prefetchQuery({ queryKey: ['failed'], queryFn: fail })
  client.setQueryData(['answered'], 1)
  await client.prefetchQuery({ queryKey: ['answered'], queryFn: fail, staleTime: 0 })
  await client.prefetchQuery({ queryKey: ['shown'], queryFn: fail })
  const stop = new QueryObserver(client, { queryKey: ['shown'], queryFn: fail, retryOnMount: false }).subscribe(() => {})

  forgetFailed(client)

  expect(client.getQueryCache().getAll().map(({ queryKey }) => queryKey[0])).toEqual(['answered', 'shown'])
  stop()
})
