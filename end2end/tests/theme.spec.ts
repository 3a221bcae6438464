import type { Page } from '@playwright/test';

import { hydrated } from '../support/hydration.ts';
import { expect, test } from '../support/test.ts';

/** The colour behind everything. */
function background(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
}

/** What stands beside the page and what stands behind it, as they are seen with a dialog open. */
function behindTheDialog(page: Page): Promise<[beside: number[], behind: number[]]> {
  return page.evaluate(() => {
    const painted = (...colours: string[]): number[] => {
      const context = document.createElement('canvas').getContext('2d');
      if (context === null) throw new Error('a browser without a canvas');
      for (const colour of colours) {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
      }
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const dialog = document.querySelector('dialog[open]');
    if (dialog === null) throw new Error('no dialog is open');
    const colour = (element: Element, pseudo?: string): string =>
      getComputedStyle(element, pseudo).backgroundColor;
    const page = painted(colour(document.body), colour(dialog, '::backdrop'));
    return [painted(colour(document.documentElement)), page];
  });
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

for (const colorScheme of ['dark', 'light'] as const) {
  test.describe(`behind a dialog, ${colorScheme}`, () => {
    test.use({ colorScheme });

    test('the place of the scrollbar is as dim as the page', async ({ billing, page }) => {
      await billing.openDialog();
      // A step of one in a colour is a rounding and not to be seen.
      await expect(async () => {
        const [beside, behind] = await behindTheDialog(page);
        const steps = beside.map((part, index) => Math.abs(part - (behind[index] ?? 0)));
        expect(Math.max(...steps), `${beside} beside ${behind}`).toBeLessThanOrEqual(1);
      }).toPass();
    });
  });
}
