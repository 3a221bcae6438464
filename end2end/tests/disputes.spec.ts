/** A payment that its card's owner complains about at the bank, to its end. */
import type { Locator, Page } from '@playwright/test';

import { asksAboutPayments, disputed } from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { ONE_REQUEST } from '../support/organization.ts';
import { expect, test } from '../support/test.ts';

/** Opens the page again until the gateway has told us. */
async function untilShown(open: () => Promise<void>, shown: Locator): Promise<void> {
  await expect(async () => {
    await open();
    await expect(shown).toBeVisible({ timeout: 1_000 });
  }).toPass();
}

function banner(page: Page, words: string): Locator {
  return page.getByRole('main').getByRole('status').or(page.getByRole('alert')).filter({ hasText: words });
}

test('while the bank has not decided the money is held back, and one that is won brings it back', async ({
  account,
  billing,
  history,
  page,
  processor,
}) => {
  await account.addCredit('25.00', await account.saveCard(disputed));
  const open = banner(page, 'A payment is disputed at the bank, which holds back $25.00');
  await untilShown(() => billing.open(), open);
  await expect(billing.balance).toHaveText('$0.00');
  await history.open();
  await expect(cellsOf(history.rows.filter({ hasText: '+$25.00' })).status).toHaveText('Disputed');

  await processor.rule(account.organization.id, 'won');
  await untilShown(() => history.open(), history.rows.getByText('Dispute won').first());
  await expect(cellsOf(history.rows.filter({ hasText: 'Credit' }).first()).amount).toHaveText('+$25.00');
  await billing.open();
  await expect(billing.balance).toHaveText('$25.00');
  await expect(banner(page, 'disput')).toHaveCount(0);
  expect(await account.balance()).toBe('25.00');
});

test('one that is lost is said above all else, with what was taken', async ({
  account,
  billing,
  history,
  page,
  processor,
}) => {
  const card = await account.saveCard(disputed);
  await account.addCredit('25.00', card);
  await untilShown(() => billing.open(), banner(page, 'A payment is disputed at the bank'));
  await processor.rule(account.organization.id, 'lost');
  const lost = page.getByRole('alert').filter({ hasText: 'The bank decided a dispute' });
  await untilShown(() => billing.open(), lost);
  await expect(lost).toContainText('Of your credit, $25.00 was taken back.');
  await expect(billing.balance).toHaveText('$0.00');
  await lost.getByRole('link', { name: 'See it in the history' }).click();
  await expect(history.rows.getByText('Dispute lost').first()).toBeVisible();
  await expect(history.rows.getByText('Reversed')).toBeVisible();
  expect(await account.balance()).toBe('0.00');

  // Another one that is not decided yet is held back, and no more than that.
  await account.addCredit('30.00', card);
  const open = banner(page, 'A payment is disputed at the bank, which holds back $30.00');
  await untilShown(() => billing.open(), open);
  await expect(lost).toContainText('Of your credit, $25.00 was taken back.');
});

test('an inquiry moves nothing and asks nothing of anybody', async ({
  account,
  billing,
  page,
  processor,
}) => {
  await account.addCredit('25.00', await account.saveCard(asksAboutPayments));
  await processor.advance(2);
  expect(await processor.disputes(account.organization.id)).toHaveLength(1);
  await processor.sendNotices();
  await billing.open();
  await expect(billing.balance).toHaveText('$25.00');
  await expect(banner(page, 'disput')).toHaveCount(0);
  expect(await account.balance()).toBe('25.00');
});

test('what a bank takes back of credit that was used is owed, and said with the way on', async ({
  account,
  billing,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(disputed));
  const millions = { ...ONE_REQUEST, inputTokens: 10_000_000, outputTokens: 0 };
  await (await account.gateway()).report({ id: 'before-the-dispute', ...millions });
  const owed = banner(page, 'Your credit did not cover everything.');
  await untilShown(() => billing.open(), owed);
  await expect(owed).toContainText('$1.50 is owed, and requests are refused until it is settled.');
  await owed.getByRole('link', { name: 'Add credit' }).click();
  await expect(billing.dialog.root).toBeVisible();
});
