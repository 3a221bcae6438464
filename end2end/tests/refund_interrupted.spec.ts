/** A refund whose answer is lost, or whose page is: it is made once, and the truth is told. */
import type { Locator, Page } from '@playwright/test';

import { visa } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { cellsOf, type HistoryPage } from '../support/pages/history.ts';
import { holdAnswers } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

const REFUND = '**/api/refund_top_up';

function dialogOf(page: Page): Locator {
  return page.getByRole('dialog', { name: 'Refund unused credit' });
}

async function openDialog(history: HistoryPage, page: Page): Promise<Locator> {
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = dialogOf(page);
  await expect(dialog).toBeVisible();
  return dialog;
}

test('a reload in the middle is one refund, and what became of it is shown', async ({
  account,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await history.open();
  const { arrived, release } = await holdAnswers(page, REFUND);
  const dialog = await openDialog(history, page);
  await dialog.getByLabel('Amount to refund (USD)').fill('10');
  await dialog.getByRole('button', { name: 'Refund $10.00' }).click();
  await arrived;
  await page.reload();
  release();
  await hydrated(page);
  await openDialog(history, page);
  await expect(dialog.getByRole('status')).toHaveText('$10.00 was refunded');
  await expect(dialog.getByRole('status')).toBeFocused();
  expect(await account.balance()).toBe('15.00');

  // It is over: the next one is another refund.
  await dialog.getByRole('button', { name: 'Done' }).click();
  await openDialog(history, page);
  await expect(dialog.getByLabel('Amount to refund (USD)')).toHaveValue('15.00');
});

test('a reload before the request arrives asks for the same refund again', async ({
  account,
  complaints,
  history,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/refund_top_up/);
  await account.addCredit('25.00', await account.saveCard(visa));
  await history.open();
  const ids: (string | null)[] = [];
  await page.route(REFUND, async (route) => {
    ids.push(new URLSearchParams(route.request().postData() ?? '').get('id'));
    await route.abort('connectionreset');
  });
  const dialog = await openDialog(history, page);
  await dialog.getByLabel('Amount to refund (USD)').fill('10');
  await dialog.getByRole('button', { name: 'Refund $10.00' }).click();
  await expect(dialog.getByRole('alert')).toContainText('We do not know yet');
  await expect(dialog.getByRole('alert')).toBeFocused();
  await page.unroute(REFUND);
  await page.reload();
  await hydrated(page);
  page.on('request', (request) => {
    if (request.url().endsWith('/api/refund_top_up')) {
      ids.push(new URLSearchParams(request.postData() ?? '').get('id'));
    }
  });
  await openDialog(history, page);
  await expect(dialog.getByLabel('Amount to refund (USD)')).toHaveValue('10.00');
  await dialog.getByRole('button', { name: 'Refund $10.00' }).click();
  await expect(dialog.getByRole('status')).toHaveText('$10.00 was refunded');
  expect(new Set(ids).size).toBe(1);
  expect(await account.balance()).toBe('15.00');
});

test('where the answers are lost, the server is asked what became of it', async ({
  account,
  complaints,
  history,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/refund_top_up/);
  await account.addCredit('25.00', await account.saveCard(visa));
  await page.route(REFUND, async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await history.open();
  const dialog = await openDialog(history, page);
  await dialog.getByLabel('Amount to refund (USD)').fill('5');
  await dialog.getByRole('button', { name: 'Refund $5.00' }).click();
  await expect(dialog.getByRole('status')).toHaveText('$5.00 was refunded');
  // The rows behind the dialog say so, too.
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  const credit = history.rows.filter({ hasText: '+$25.00' });
  await expect(cellsOf(credit).status).toHaveText('Partially refunded');
  // However the dialog is closed, the focus is at the credit.
  await expect(credit).toBeFocused();
  expect(await account.balance()).toBe('20.00');
});

test('rows that are drawn anew behind a closed dialog leave the focus where it was', async ({
  account,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await history.open();
  const { arrived, release } = await holdAnswers(page, '**/api/history_page*');
  const dialog = await openDialog(history, page);
  await dialog.getByRole('button', { name: 'Refund $25.00' }).click();
  await expect(dialog.getByRole('status')).toHaveText('$25.00 was refunded');
  await arrived;
  await page.keyboard.press('Escape');
  const credit = history.rows.filter({ hasText: '+$25.00' });
  await expect(credit).toBeFocused();
  release();
  await expect(cellsOf(credit).status).toHaveText('Refunded');
  await expect(credit).toBeFocused();
});

test('a failed "Load more" does not take the focus of a refund that fails', async ({
  account,
  complaints,
  history,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET/);
  const card = await account.saveCard(visa);
  for (let times = 0; times < 26; times += 1) {
    await account.addCredit('5.00', card);
  }
  await history.open();
  await page.route('**/api/history_page*', (route) => route.abort('connectionreset'));
  await page.route(REFUND, (route) => route.abort('connectionreset'));
  await history.loadMore.click();
  await expect(page.getByRole('main').getByRole('alert')).toBeFocused();
  await history.rows.first().getByRole('link', { name: 'Refund of' }).click();
  const dialog = dialogOf(page);
  await dialog.getByRole('button', { name: 'Refund $5.00' }).click();
  await expect(dialog.getByRole('alert')).toContainText('We do not know yet');
  await expect(dialog.getByRole('alert')).toBeFocused();
});
