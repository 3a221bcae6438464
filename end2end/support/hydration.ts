/**
 * When the browser has taken a page over from the server. Until then links and forms work as
 * plain ones; most tests are about what comes after.
 */
import type { BrowserContext, Page } from '@playwright/test';

const MARK = 'isTakenOver';

/** Makes every page of the context say when it is taken over. */
export async function watchHydration(context: BrowserContext): Promise<void> {
  await context.addInitScript((mark) => {
    // The router listens for the Back button as the first thing once it runs in the browser, and
    // the rest of the page is taken over in the same turn.
    const listen = window.addEventListener.bind(window);
    window.addEventListener = (...args: Parameters<typeof listen>) => {
      if (args[0] === 'popstate') {
        requestAnimationFrame(() => requestAnimationFrame(() => Reflect.set(window, mark, true)));
      }
      listen(...args);
    };
  }, MARK);
}

export async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction((mark) => Reflect.get(window, mark) === true, MARK);
}
