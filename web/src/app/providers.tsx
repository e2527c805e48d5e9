// What every page stands in: styles in the right direction, the theme, the cache of answers, messages and questions.

import createCache from '@emotion/cache'
import { CacheProvider } from '@emotion/react'
import CssBaseline from '@mui/material/CssBaseline'
import { ThemeProvider } from '@mui/material/styles'
import rtlPlugin from '@mui/stylis-plugin-rtl'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { prefixer } from 'stylis'

import { ApiProblem } from '../api/problem'
import { directionOf } from '../i18n'
import { ConfirmProvider } from '../ui/confirm'
import { ToastProvider } from '../ui/toast'
import { makeTheme } from './theme'

/** A refusal will not change by asking again; a server that is away may be back. */
function mayTryAgain(failures: number, error: Error): boolean {
  return failures < 2 && !(error instanceof ApiProblem && error.status < 500)
}

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: mayTryAgain, staleTime: 10_000, refetchOnWindowFocus: false } },
})

const STYLES = {
  ltr: createCache({ key: 'c' }),
  rtl: createCache({ key: 'r', stylisPlugins: [prefixer, rtlPlugin] }),
}

export function Providers({ children }: { children: ReactNode }) {
  const { i18n } = useTranslation()
  const direction = directionOf(i18n.language)
  const theme = useMemo(() => makeTheme(direction), [direction])
  return (
    <CacheProvider value={STYLES[direction]}>
      <ThemeProvider theme={theme} defaultMode="system">
        <CssBaseline />
        <QueryClientProvider client={queryClient}>
          <ToastProvider>
            <ConfirmProvider>{children}</ConfirmProvider>
          </ToastProvider>
        </QueryClientProvider>
      </ThemeProvider>
    </CacheProvider>
  )
}
