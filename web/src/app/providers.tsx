// What every page stands in: styles in the right direction, the theme, the cache of answers, messages and questions.

import createCache, { type EmotionCache } from '@emotion/cache'
import { CacheProvider } from '@emotion/react'
import CssBaseline from '@mui/material/CssBaseline'
import { ThemeProvider } from '@mui/material/styles'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, use, useMemo } from 'react'
import { useTranslation } from 'react-i18next'

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

const LTR_STYLES = createCache({ key: 'c' })
let rtlStyles: Promise<EmotionCache> | undefined

async function loadRtl(): Promise<EmotionCache> {
  return (await import('./rtl-styles')).RTL_STYLES
}

export function Providers({ children }: { children: ReactNode }) {
  const { i18n } = useTranslation()
  const direction = directionOf(i18n.language)
  const theme = useMemo(() => makeTheme(direction), [direction])
  return (
    <CacheProvider value={direction === 'rtl' ? use((rtlStyles ??= loadRtl())) : LTR_STYLES}>
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
