/**
 * Whoever leaves a payment in the middle, or has the page open twice, has paid once and is told how
 * it ended.
 */
import type { Page } from '@playwright/test';

import { asksAlways, decidesLater, declined, mastercard, visa } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { BillingPage } from '../support/pages/billing.ts';
import { holdAnswers, starts } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

/** Reaches Billing by a link of another page, so that Back leads there without a new document. */
async function openFromModels(page: Page, billing: BillingPage): Promise<void> {
  await page.goto('/models');
  await hydrated(page);
  const menu = page.getByRole('navigation', { name: 'Main' });
  await menu.getByRole('link', { name: 'Billing' }).click();
  await expect(billing.heading).toBeVisible();
  await billing.addCredit.click();
}

test('Back while the bank is asked is one charge, and Forward tells how it ended', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const sent = starts(page);
  await openFromModels(page, billing);
  const { arrived, release } = await holdAnswers(page);
  await billing.dialog.confirm.click();
  await arrived;
  await page.goBack();
  await expect(page).toHaveURL('/models');
  await expect(billing.dialog.root).toBeHidden();
  release();

  await page.goForward();
  await expect(billing.dialog.status).toHaveText('$25.00 was added to your balance');
  await billing.dialog.done.click();
  await expect(billing.balance).toHaveText('$25.00');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('Back to a page of another document is one charge, too', async ({ account, billing, page }) => {
  const sent = starts(page);
  await page.goto('/models');
  const dialog = await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.pay(visa);
  await arrived;
  await page.goBack();
  await expect(page).toHaveURL('/models');
  release();
  await page.goForward();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test("Back from the bank's question finds it again, and it is paid once", async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(asksAlways);
  const sent = starts(page);
  await openFromModels(page, billing);
  await billing.dialog.confirm.click();
  const approve = billing.dialog.bank.getByRole('button', { name: 'Approve' });
  await expect(approve).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL('/models');
  await account.expectNothingCharged();

  await page.goForward();
  await approve.click();
  await expect(billing.dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('two tabs that pay at the same time are one charge, and both tell it', async ({
  account,
  billing,
  context,
  page,
}) => {
  await account.saveCard(visa);
  const other = await context.newPage();
  const sent = [starts(page), starts(other)];
  const [first, second] = [
    await billing.openDialog(),
    await new BillingPage(other).openDialog(),
  ];
  const { arrived, release } = await holdAnswers(page);
  await first.confirm.click();
  await arrived;
  await second.confirm.click();
  await expect(second.status).toHaveText('$25.00 was added to your balance');
  release();
  await expect(first.status).toHaveText('$25.00 was added to your balance');
  expect(sent.map((requests) => requests.length)).toEqual([1, 0]);
  await account.expectOneCharge(2_500);

  // It is over for both: what is paid now is another payment.
  await second.done.click();
  await new BillingPage(other).addCredit.click();
  await second.preset('$10').click();
  await second.confirm.click();
  await expect(second.status).toHaveText('$10.00 was added to your balance');
  expect((await account.charges()).map(({ amount }) => amount)).toEqual([1_000, 2_500]);
});

test('a tab that is opened while a bank takes its time goes on with the same payment', async ({
  account,
  billing,
  context,
  page,
  processor,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(decidesLater);
  const waiting = 'Still processing, no need to pay again.';
  await expect(dialog.root.getByText(waiting)).toBeVisible();
  const other = await context.newPage();
  const there = new BillingPage(other);
  await there.open();
  await expect(there.dialog.root.getByText(waiting)).toBeVisible();
  await expect(there.dialog.confirm).toBeHidden();
  await processor.advance(15);
  for (const { dialog: shown } of [billing, there]) {
    await expect(shown.status).toHaveText('$25.00 was added to your balance');
  }
  await page.close();
  await account.expectOneCharge(2_500);
});

test('a decline in one tab leaves the other free to pay', async ({ account, billing, context }) => {
  await account.saveCard(mastercard);
  const other = await context.newPage();
  const first = await billing.openDialog();
  const second = await new BillingPage(other).openDialog();
  await first.newCard.check();
  await first.pay(declined);
  await expect(first.problem).toContainText('Your bank declined the card.');
  await second.confirm.click();
  await expect(second.status).toHaveText('$25.00 was added to your balance');
  const charges = await account.charges();
  expect(charges.map(({ status }) => status)).toEqual(['succeeded', 'failed']);
});

test('what waits at the bank is taken up, and what was sent before is not forgotten', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const sent = starts(page);
  const dialog = await billing.openDialog();
  await dialog.amount.fill('10');
  await dialog.newCard.check();
  await dialog.pay(asksAlways);
  const approve = dialog.bank.getByRole('button', { name: 'Approve' });
  await expect(approve).toBeVisible();
  const waiting = new URLSearchParams(sent[0]?.postData() ?? '').get('id');
  // As if it had begun on another device: this browser has kept nothing of it.
  await page.evaluate(() => localStorage.clear());
  await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.confirm.click();
  await arrived;
  await page.goto(`/billing?top_up=${waiting}`);
  release();
  await expect(approve).toBeVisible();
  await dialog.useAnotherCard.click();
  await expect(dialog.problem).toHaveText('The payment was canceled. Nothing was charged.');

  // The next click goes on with the one whose answer was lost.
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(2);
  expect(await account.balance()).toBe('25.00');
});
