import './base.css'

import { StrictMode, Suspense } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter, RouterProvider } from 'react-router'
import { z } from 'zod'

import { Providers } from './app/providers'
import { routes } from './app/routes'
import { startI18n } from './i18n'

async function start(): Promise<void> {
  await startI18n()
  const root = document.querySelector('#root')
  if (!root) return
  createRoot(root).render(
    <StrictMode>
      <Suspense>
        <Providers>
          <RouterProvider router={createBrowserRouter(routes)} />
        </Providers>
      </Suspense>
    </StrictMode>,
  )
}

// Its compiled checks would need what the content security policy forbids.
z.config({ jitless: true })
void start()
