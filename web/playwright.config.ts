// How the page is tried in a real browser, over the real program. The browser is the system's: none is downloaded.
import { defineConfig } from '@playwright/test'

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // Pictures are made when they are asked for, and are no test.
  testIgnore: process.env['SCREENSHOTS'] === undefined ? ['screenshots.spec.ts'] : [],
  // What has to happen is waited for; these are limits, for machines that are busy.
  timeout: 90_000,
  expect: { timeout: 20_000 },
  // Each worker has a server and a browser of its own.
  workers: 1,
  forbidOnly: true,
  reporter: [['line']],
  use: {
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // Where tests are run as root, as in containers, Chromium has no sandbox.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    },
  },
})
