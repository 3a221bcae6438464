import { randomUUID } from 'node:crypto';

import type { Locator } from '@playwright/test';

import { asksAlways, visa } from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('an empty history says what will stand here and leads to it', async ({
  billing,
  history,
  page,
}) => {
  await history.open();
  await expect(page.getByRole('heading', { name: 'No billing history yet' })).toBeVisible();
  await page.getByRole('link', { name: 'Go to Billing' }).click();
  await expect(billing.heading).toBeVisible();
});

test('rows are newest first, and Back to Billing leads back', async ({
  account,
  billing,
  history,
  page,
}) => {
  const card = await account.saveCard(visa);
  for (const amount of ['5.00', '6.00', '7.00']) {
    await account.addCredit(amount, card);
  }
  await history.open();
  await expect(page).toHaveTitle('Billing History · ZeroGPU Billing');
  await expect(history.table.getByRole('columnheader')).toHaveText([
    'Date',
    'Description',
    'Amount',
    'Status',
  ]);
  const amounts = history.rows.getByRole('cell', { name: '+$' });
  await expect(amounts).toHaveText(['+$7.00', '+$6.00', '+$5.00']);

  await history.back.click();
  await expect(billing.heading).toBeVisible();
  // Who reads with a screen reader or types on learns where the link has led.
  await expect(billing.heading).toBeFocused();
  await expect(page).toHaveURL('/billing');
});

test('Load more adds the older rows below, each once', async ({ account, history }) => {
  const card = await account.saveCard(visa);
  const amounts = Array.from({ length: 27 }, (_, index) => `${index + 5}.00`);
  for (const amount of amounts) {
    await account.addCredit(amount, card);
  }
  await history.open();
  await expect(history.rows).toHaveCount(25);
  await history.loadMore.click();
  const newestFirst = amounts.toReversed().map((amount) => `+$${amount}`);
  await expect(history.rows.getByRole('cell', { name: '+$' })).toHaveText(newestFirst);
  await expect(history.loadMore).toBeHidden();
  // The link that had the focus is gone: reading goes on where the new rows begin.
  await expect(history.rows.nth(25)).toBeFocused();
});

test('the place is kept for who goes away and comes back', async ({
  account,
  billing,
  history,
  page,
}) => {
  const card = await account.saveCard(visa);
  for (let row = 0; row < 51; row += 1) {
    await account.addCredit('5.00', card);
  }
  await history.open();
  await history.loadMore.click();
  await expect(history.rows).toHaveCount(50);
  await history.loadMore.click();
  await expect(history.rows).toHaveCount(51);
  const last = history.rows.last();
  await last.scrollIntoViewIfNeeded();
  await expect(last).toBeInViewport();

  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
  await page.goBack();
  await expect(history.rows).toHaveCount(51);
  await expect(last).toBeInViewport();

  await page.reload();
  await expect(history.rows).toHaveCount(51);

  // Who asks for the history anew begins at its top.
  await history.back.click();
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(history.rows).toHaveCount(25);
  await expect(history.heading).toBeInViewport();
});

test('a payment that was confirmed later stands where it was asked for', async ({
  account,
  billing,
  history,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await account.addCredit('7.00', await account.saveCard(visa));
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.done).toBeVisible();
  await history.open();
  await expect(history.rows.getByRole('cell', { name: '+$' })).toHaveText(['+$7.00', '+$25.00']);
  const times = await history.rows.getByRole('time').all();
  const shown = await Promise.all(times.map((time) => time.getAttribute('datetime')));
  expect(shown).toEqual(shown.toSorted().toReversed());
});

const PLACES = [
  { locale: 'en-US', timezoneId: 'America/New_York' },
  { locale: 'en-US', timezoneId: 'Asia/Kolkata' },
  { locale: 'de-DE', timezoneId: 'Europe/Berlin' },
];

for (const { locale, timezoneId } of PLACES) {
  test.describe(`in ${timezoneId} with ${locale}`, () => {
    test.use({ locale, timezoneId });

    test('dates are in the locale and zone of the browser', async ({ account, history }) => {
      const before = Date.now();
      await account.addCredit('5.00', await account.saveCard(visa));
      const after = Date.now();
      await history.open();
      const time = cellsOf(history.rows).date.getByRole('time');
      const at = new Date((await time.getAttribute('datetime')) ?? '');
      expect(at.getTime()).toBeGreaterThanOrEqual(before);
      expect(at.getTime()).toBeLessThanOrEqual(after);
      // Newer runtimes put a narrow space before AM and PM.
      const local = at.toLocaleString(locale, { timeZone: timezoneId }).replace('\u202f', ' ');
      await expect(time).toHaveText(local);
      // To the second in UTC, for whoever compares it with a log.
      const utc = at.toISOString().replace('T', ' ').replace('Z', ' UTC');
      await expect(time).toHaveAttribute('title', utc);
    });
  });
}

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false });

  test('beside the cards what happened keeps the room', async ({ account, billing, page }) => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await account.saveCard(visa);
    const token = await account.processor.tokenize(asksAlways);
    const form = { id: randomUUID(), amount: '25.00', method: '', token };
    await page.request.post('/api/start_top_up', { form });
    await page.goto('/billing');
    // The longest date and the longest status.
    const row = cellsOf(billing.rows.filter({ hasText: 'Needs confirmation' }));
    await expect(row.date).toContainText('UTC');
    const widthOf = async (cell: Locator): Promise<number> => {
      const box = await cell.boundingBox();
      return box?.width ?? 0;
    };
    const description = await widthOf(row.description);
    expect(description).toBeGreaterThan(await widthOf(row.date));
    expect(description).toBeGreaterThan(await widthOf(row.status));
  });
});
