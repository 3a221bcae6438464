import { defineConfig } from '@playwright/test';

// `cargo xtask test browser` sets this; see docs/TESTING.md.
const chromium = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

export default defineConfig({
  testDir: './tests',
  // Each worker has a server and a database of its own, and a browser wants a core.
  workers: 2,
  fullyParallel: true,
  // A test that passes at the second try has failed.
  retries: 0,
  forbidOnly: true,
  reporter: [['list']],
  timeout: 45_000,
  expect: { timeout: 10_000 },
  use: {
    locale: 'en-US',
    timezoneId: 'America/New_York',
    colorScheme: 'dark',
    viewport: { width: 1280, height: 800 },
    // Nothing on these pages is slow; whoever waits longer waits for something that never comes.
    actionTimeout: 10_000,
    navigationTimeout: 15_000,
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: chromium,
      // The tests may run as root in a container, without a graphics card, and must not
      // wait for what the browser would like to fetch for itself.
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
