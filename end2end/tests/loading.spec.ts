/**
 * Pages whose data is slow, or does not come.
 */
import { visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { expect, test } from '../support/test.ts';

const HISTORY = '**/api/history_page';

test('while a page loads its shape stands there, and the frame stays', async ({
  account,
  billing,
  history,
  page,
}) => {
  await account.addCredit('5.00', await account.saveCard(visa));
  await billing.open();
  const [loaded, load] = gate();
  await page.route(HISTORY, async (route) => {
    await loaded;
    await route.continue();
  });
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(history.heading).toBeVisible();
  await expect(page.getByRole('status', { name: 'Loading' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
  load();
  await expect(history.rows).toHaveCount(1);
  await expect(page.getByRole('status', { name: 'Loading' })).toBeHidden();
});

test('a page that cannot be loaded says so and can be tried again', async ({
  account,
  billing,
  history,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/history_page/);
  await account.addCredit('5.00', await account.saveCard(visa));
  await billing.open();
  await page.route(HISTORY, (route) => route.abort('connectionrefused'));
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(page.getByRole('alert')).toContainText('This page could not be loaded');
  await expect(page.getByRole('alert')).toContainText('We could not reach the server.');
  await page.unroute(HISTORY);
  await page.getByRole('alert').getByText('Try again', { exact: true }).click();
  await expect(history.rows).toHaveCount(1);
  await expect(page.getByRole('alert')).toBeHidden();
});

test('older rows that do not come leave the newer ones, and can be tried again', async ({
  account,
  history,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/history_page/);
  const card = await account.saveCard(visa);
  for (let count = 0; count < 26; count += 1) {
    await account.addCredit('5.00', card);
  }
  await history.open();
  await page.route(HISTORY, (route) => route.abort('connectionrefused'));
  await history.loadMore.click();
  await expect(page.getByRole('alert')).toContainText('We could not reach the server.');
  await expect(history.rows).toHaveCount(25);
  await page.unroute(HISTORY);
  await history.loadMore.click();
  await expect(history.rows).toHaveCount(26);
  await expect(page.getByRole('alert')).toBeHidden();
});
