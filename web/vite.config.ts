import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// Pages are served under `default-src 'self'`: nothing may end up inline, neither script, style nor picture.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: ['index.html'],
      output: {
        // Pages of features are all called the same; the folder tells them apart in `dist` and in what compress.js weighs.
        chunkFileNames: ({ facadeModuleId }) => `assets/${/features\/([^/]+)\//.exec(facadeModuleId ?? '')?.[1]?.concat('-') ?? ''}[name]-[hash].js`,
      },
    },
  },
  // A service of `make run`; its cookie for this machine works over plain HTTP.
  server: { host: '127.0.0.1', proxy: { '/api': { target: 'http://127.0.0.1:8080' } } },
  test: {
    environment: 'happy-dom',
    // Pages are parsed for their words, not to load what they link to.
    environmentOptions: { happyDOM: { settings: { handleDisabledFileLoadingAsSuccess: true } } },
    include: ['tests/**/*.test.ts'],
  },
})
