import type { Page } from '@playwright/test';

import { hydrated } from '../support/hydration.ts';
import { expect, test } from '../support/test.ts';

/** The colour behind everything. */
function background(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
}

/** Every look that a page has had, from its first frame on. */
async function watchLooks(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const looks: string[] = [];
    Reflect.set(window, 'looks', looks);
    const look = (): void => {
      // Before the first element of the page is there, nothing is painted.
      if (document.querySelector('main') !== null) {
        looks.push(getComputedStyle(document.documentElement).backgroundColor);
      }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  return async () => [...new Set(await page.evaluate<string[]>('window.looks'))];
}

test('without a choice the page follows the system, at once', async ({ billing, page }) => {
  await billing.open();
  await expect(page.getByRole('button', { name: 'System theme', pressed: true })).toBeVisible();
  const dark = await background(page);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await background(page);
  expect(light).not.toBe(dark);
});

for (const [choice, system] of [
  ['Light', 'dark'],
  ['Dark', 'light'],
] as const) {
  test.describe(`${choice} on a ${system} system`, () => {
    test.use({ colorScheme: system });

    test('the choice holds on every page, from the first frame', async ({ billing, page }) => {
      await billing.open();
      const before = await background(page);
      const saved = page.waitForResponse((response) => response.url().endsWith('/api/set_theme'));
      const button = page.getByRole('button', { name: `${choice} theme` });
      await button.click();
      await expect(button).toHaveAttribute('aria-pressed', 'true');
      await saved;
      const chosen = await background(page);
      expect(chosen).not.toBe(before);

      const looks = await watchLooks(page);
      for (const path of ['/billing', '/billing/history', '/models']) {
        await page.goto(path);
        await hydrated(page);
        expect(await looks(), path).toEqual([chosen]);
        await expect(button).toHaveAttribute('aria-pressed', 'true');
      }

      // Back to the system's look, which is the other one.
      await page.getByRole('button', { name: 'System theme' }).click();
      await expect(button).toHaveAttribute('aria-pressed', 'false');
      expect(await background(page)).toBe(before);
    });
  });
}
