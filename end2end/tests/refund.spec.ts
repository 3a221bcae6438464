/** Unused credit goes back to the card that paid for it. */
import { randomUUID } from 'node:crypto';

import type { Locator, Page } from '@playwright/test';

import { disputed, refundFailsLater, refundsLater, visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { ONE_REQUEST } from '../support/organization.ts';
import { cellsOf, HistoryPage } from '../support/pages/history.ts';
import { sentTo, submitTwice } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

class RefundDialog {
  readonly root: Locator;
  readonly amount: Locator;
  readonly confirm: Locator;
  readonly status: Locator;
  readonly problem: Locator;
  readonly done: Locator;

  constructor(page: Page) {
    this.root = page.getByRole('dialog', { name: 'Refund unused credit' });
    this.amount = this.root.getByLabel('Amount to refund (USD)');
    this.confirm = this.root.getByRole('button', { name: /^Refund/ });
    this.status = this.root.getByRole('status');
    this.problem = this.root.getByRole('alert');
    this.done = this.root.getByRole('button', { name: 'Done' });
  }
}

function creditOf(history: HistoryPage, amount: string): Locator {
  return history.rows.filter({ hasText: 'Credit' }).filter({ hasText: amount });
}

test('a part of unused credit goes back to its card, and the rest can follow', async ({
  account,
  billing,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await history.open();
  const dialog = new RefundDialog(page);
  await history.rows.getByRole('link', { name: 'Refund of $25.00' }).click();
  await expect(dialog.amount).toBeFocused();
  await expect(dialog.amount).toHaveValue('25.00');
  await expect(dialog.root).toContainText('goes back to Visa ···· 4242');
  await dialog.amount.fill('10');
  await expect(dialog.confirm).toHaveText('Refund $10.00');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$10.00 was refunded');
  await expect(dialog.status).toBeFocused();
  expect(await account.balance()).toBe('15.00');
  await dialog.done.click();

  const refund = cellsOf(history.rows.filter({ hasText: 'business days' }));
  await expect(refund.description).toContainText('Refund');
  await expect(refund.amount).toHaveText('minus -$10.00');
  await expect(refund.status).toHaveText('Refund');
  const credit = creditOf(history, '+$25.00');
  await expect(cellsOf(credit).status).toHaveText('Partially refunded');
  await expect(credit).toContainText('Visa ···· 4242, $10.00 refunded');
  await expect(credit).toBeFocused();

  await credit.getByRole('link', { name: 'Refund of' }).click();
  await expect(dialog.amount).toHaveValue('15.00');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$15.00 was refunded');
  await dialog.done.click();
  await expect(cellsOf(credit).status).toHaveText('Refunded');
  await expect(history.rows.getByRole('link', { name: 'Refund of' })).toHaveCount(0);
  await billing.open();
  await expect(billing.balance).toHaveText('$0.00');
});

test('what was used is not offered, and more than what is left is refused at its field', async ({
  account,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await (await account.gateway()).report({ id: randomUUID(), ...ONE_REQUEST });
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await expect(dialog.amount).toHaveValue('24.99');
  for (const amount of ['25', '0', '-1', 'all', '1.001', '']) {
    await dialog.amount.fill(amount);
    await dialog.confirm.click();
    await expect(dialog.amount, amount).toHaveAccessibleDescription(
      'Enter an amount from $0.01 to $24.99.',
    );
  }
  expect(await account.balance()).toBe('24.9999568');
});

test('a double click and a lost answer refund once', async ({
  account,
  complaints,
  history,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/refund_top_up/);
  await account.addCredit('25.00', await account.saveCard(visa));
  let isFirst = true;
  await page.route('**/api/refund_top_up', async (route) => {
    if (isFirst) {
      isFirst = false;
      await route.fetch();
      await route.abort('connectionreset');
    } else {
      await route.continue();
    }
  });
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await dialog.amount.fill('5');
  await dialog.confirm.dblclick();
  await expect(dialog.status).toHaveText('$5.00 was refunded');
  expect(await account.balance()).toBe('20.00');
});

test('two submits in one turn ask for one refund, though no button is disabled yet', async ({
  account,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const sent = sentTo(page, 'refund_top_up');
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await dialog.amount.fill('5');
  await submitTwice(dialog.root);
  await expect(dialog.status).toHaveText('$5.00 was refunded');
  expect(sent).toHaveLength(1);
  expect(await account.balance()).toBe('20.00');
});

test('a refund that fails later is given back, and its row says so', async ({
  account,
  billing,
  history,
  page,
  processor,
}) => {
  await account.addCredit('25.00', await account.saveCard(refundFailsLater));
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await dialog.amount.fill('10');
  await dialog.confirm.click();
  await expect(dialog.status).toBeVisible();
  expect(await account.balance()).toBe('15.00');
  await dialog.done.click();

  // The bank sends it back a while later, and the processor tells us.
  await processor.advance(15);
  const failed = history.rows.filter({ hasText: 'did not go through' });
  await expect(async () => {
    await history.open();
    await expect(failed).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await expect(failed).toContainText('The credit is back in your balance.');
  await expect(cellsOf(failed).status).toHaveText('Failed');
  expect(await account.balance()).toBe('25.00');
  await billing.open();
  await expect(billing.balance).toHaveText('$25.00');
  // It can be asked for again.
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  await expect(dialog.amount).toHaveValue('25.00');
});

test('a refund that the bank has not taken yet says so', async ({ account, history, page }) => {
  await account.addCredit('25.00', await account.saveCard(refundsLater));
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 is on its way back');
  await expect(dialog.root).toContainText('There is no need to ask again.');
  await dialog.done.click();
  const refund = cellsOf(history.rows.filter({ hasText: 'on its way' }));
  await expect(refund.status).toHaveText('Refund pending');
});

test('while it is asked for, the dialog waits', async ({ account, history, page }) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const [released, release] = gate();
  await page.route('**/api/refund_top_up', async (route) => {
    await released;
    await route.continue();
  });
  await history.open();
  await history.rows.getByRole('link', { name: 'Refund of' }).click();
  const dialog = new RefundDialog(page);
  await dialog.confirm.click();
  await expect(dialog.confirm).toBeDisabled();
  release();
  await expect(dialog.status).toHaveText('$25.00 was refunded');
});

test('whoever may not change money is offered no refund', async ({ account, history, page }) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await history.open();
  const link = history.rows.getByRole('link', { name: 'Refund of' });
  const address = await link.getAttribute('href');
  for (const role of ['member', 'finance'] as const) {
    await account.signIn(await account.organization.add(role));
    await page.goto(address ?? '');
    await expect(history.rows).toHaveCount(1);
    await expect(link).toHaveCount(0);
    await expect(page.getByRole('heading', { name: 'Refund unused credit' })).toHaveCount(0);
  }
  await account.signIn(await account.organization.add('billing-admin'));
  await history.open();
  await expect(link).toHaveCount(1);
});

test('a disputed payment is said above all else and in its row', async ({
  account,
  billing,
  history,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(disputed));
  const banner = page.getByRole('status').filter({ hasText: 'disputed' });
  await expect(async () => {
    await billing.open();
    await expect(banner).toContainText('A payment is disputed at the bank', { timeout: 1_000 });
  }).toPass();
  await expect(banner).toContainText('$25.00');
  await banner.getByRole('link', { name: 'See it in the history' }).click();
  const taken = cellsOf(history.rows.filter({ hasText: 'Dispute' }).first());
  await expect(taken.amount).toHaveText('minus -$25.00');
  await expect(taken.status).toHaveText('Disputed');
  await expect(history.rows.getByRole('link', { name: 'Refund of' })).toHaveCount(0);
});

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false });

  test('a refund is asked for by a form in the page, with its refusal at the field', async ({
    account,
    page,
  }) => {
    await account.addCredit('25.00', await account.saveCard(visa));
    await page.goto('/billing/history');
    const history = new HistoryPage(page);
    await history.rows.getByRole('link', { name: 'Refund of' }).click();
    const form = page.getByRole('region', { name: 'Refund unused credit' });
    const amount = form.getByLabel('Amount to refund (USD)');
    await expect(amount).toHaveValue('25.00');
    await amount.fill('26');
    await form.getByRole('button', { name: 'Refund' }).click();
    await expect(form).toContainText('No more than $25.00 of this credit can be refunded.');
    await expect(amount).toHaveValue('26');
    await amount.fill('4');
    await form.getByRole('button', { name: 'Refund' }).click();
    await expect(page.getByRole('main').getByRole('status')).toHaveText(
      '$4.00 was refunded. Your bank shows it within 5 to 10 business days. Your balance is $21.00.',
    );
    await expect(cellsOf(history.rows.first()).amount).toHaveText('minus -$4.00');
    expect(await account.balance()).toBe('21.00');
  });
});
