// How the page is built and, while one works on it, served. Everything comes from the page's own host, and nothing is put
// into the page itself, because the policy that the frontend sends forbids scripts there.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    manifest: true,
  },
  // `npm run dev` talks to a dsiem that runs on this machine.
  server: { proxy: { '/api': process.env['DSIEM_URL'] ?? 'http://127.0.0.1:8080' } },
  test: { include: ['src/**/*.test.ts'] },
})
