/**
 * Pages whose data is slow, or does not come.
 */
import type { Page } from '@playwright/test';

import { visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { hydrated } from '../support/hydration.ts';
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

/** The server has a newer site: it knows neither this page's files nor what it asks for. */
async function replaceSite(page: Page): Promise<void> {
  await page.route('**/pkg/**', (route) => route.fulfill({ status: 404 }));
  await page.route('**/api/**', (route) => {
    const error = { type: 'not_found_error', code: 'no_such_route', message: '', param: null };
    return route.fulfill({ status: 404, json: { error } });
  });
}

test('a page that is older than the site says so and can be loaded anew', async ({
  account,
  billing,
  history,
  complaints,
  page,
}) => {
  complaints.expect(/status of 404/);
  await account.addCredit('5.00', await account.saveCard(visa));
  await billing.open();
  await replaceSite(page);
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('This page is out of date');
  await expect(alert).toContainText('The site was updated while this page was open.');
  await page.unrouteAll();
  await alert.getByText('Reload', { exact: true }).click();
  await expect(history.rows).toHaveCount(1);
});

test('a payment from a page that is older than the site is not lost and not doubled', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 404/);
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await replaceSite(page);
  await dialog.confirm.click();
  await expect(dialog.problem).toContainText('The site was updated while this page was open.');
  await page.clock.install();
  await page.unrouteAll();
  await dialog.problem.getByRole('link', { name: 'Reload' }).click();
  await hydrated(page);
  // Whether it arrived is found out before it can be paid again.
  await expect(dialog.status).toContainText('Waiting to hear from the server');
  await page.clock.fastForward('00:40');
  await expect(dialog.problem).toContainText('The payment was not started.');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('an answer that cannot be read from a site that is the same is not called an update', async ({
  account: _signedIn,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 502/);
  await billing.open();
  await page.route(HISTORY, (route) => route.fulfill({ status: 502, body: '<h1>Bad gateway</h1>' }));
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(page.getByRole('alert')).toContainText('This page could not be loaded');
  await expect(page.getByRole('alert')).toContainText('The server gave no readable answer.');
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
