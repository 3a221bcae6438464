/** What a page sends when it pays, and answers that are kept back on their way to it. */
import type { Locator, Page, Request } from '@playwright/test';

import { gate } from './gate.ts';

export const START = '**/api/start_top_up';

/** Every post to a server function, as it leaves the page. */
export function sentTo(page: Page, name: string): Request[] {
  const seen: Request[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith(`/api/${name}`)) {
      seen.push(request);
    }
  });
  return seen;
}

/** Every post that starts a top-up. */
export function starts(page: Page): Request[] {
  return sentTo(page, 'start_top_up');
}

/** Lets each request reach the server, and keeps the answer back until `release` is called. */
export async function holdAnswers(
  page: Page,
  to: string = START,
): Promise<{ arrived: Promise<void>; release: () => void }> {
  const [arrived, sayArrived] = gate();
  const [released, release] = gate();
  await page.route(to, async (route) => {
    const response = await route.fetch();
    sayArrived();
    await released;
    // Nobody may be there any more to take it.
    await route.fulfill({ response }).catch(() => {});
  });
  return { arrived, release };
}

/**
 * Submits the form of a dialog twice before anything can be drawn: no button is disabled yet, so
 * that only the form itself can refuse the second time.
 */
export async function submitTwice(dialog: Locator): Promise<void> {
  await dialog.locator('form').evaluate((form: HTMLFormElement) => {
    form.requestSubmit();
    form.requestSubmit();
  });
}
