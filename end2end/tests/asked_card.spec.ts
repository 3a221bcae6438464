/** A card whose bank asks before it is saved, and what may happen until it is answered. */
import type { Locator, Page } from '@playwright/test';

import { asksAlways } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { CardFields } from '../support/pages/add_credit.ts';
import type { BillingPage } from '../support/pages/billing.ts';
import { expect, test } from '../support/test.ts';

class AddCardDialog {
  readonly root: Locator;
  readonly approve: Locator;
  readonly inNewTab: Locator;
  readonly close: Locator;

  constructor(page: Page) {
    this.root = page.getByRole('dialog', { name: 'Add payment method' });
    const bank = this.root.getByTitle('Confirmation by your bank').contentFrame();
    this.approve = bank.getByRole('button', { name: 'Approve' });
    this.inNewTab = this.root.getByRole('link', { name: "Open your bank's page in a new tab" });
    this.close = this.root.getByRole('button', { name: 'Close' });
  }
}

/** Brings a new card as far as its bank's question. */
async function askedAbout(billing: BillingPage, page: Page): Promise<AddCardDialog> {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = new AddCardDialog(page);
  await new CardFields(dialog.root).fill(asksAlways);
  await dialog.root.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.approve).toBeVisible();
  return dialog;
}

/** Answers the bank where this page does not see it, as in the bank's own app. */
async function answerElsewhere(
  dialog: AddCardDialog,
  page: Page,
  answer: 'Approve' | 'Fail',
): Promise<void> {
  const address = (await dialog.inNewTab.getAttribute('href')) ?? '';
  await dialog.close.click();
  const waits = page.getByRole('region', { name: 'Payment methods' }).getByRole('status');
  await expect(waits).toContainText('Your bank wants you to confirm a new card');
  const tab = await page.context().newPage();
  await tab.goto(address);
  await tab.getByRole('button', { name: answer }).click();
  await expect(tab).toHaveURL('/billing');
  await page.bringToFront();
}

test('closed, the question is told where the cards are, and an answer elsewhere is seen', async ({
  account,
  billing,
  page,
}) => {
  const dialog = await askedAbout(billing, page);
  await answerElsewhere(dialog, page, 'Approve');
  await expect(billing.methodsCard.getByText('Visa ···· 3184 was saved.')).toBeVisible();
  await expect(billing.methods).toContainText('Visa ···· 3184');
  await expect(billing.methodsCard.getByRole('status')).toBeHidden();
  expect(await account.charges()).toEqual([]);
});

test('closed, what the bank refuses is said where the cards are', async ({
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 400 .*\/api\/finish_payment_method/);
  const dialog = await askedAbout(billing, page);
  await answerElsewhere(dialog, page, 'Fail');
  await expect(billing.methodsCard.getByRole('alert')).toContainText(
    'could not confirm that it was you',
  );
  await expect(billing.methods).toHaveCount(0);
});

test('a reload while the bank asks finds the question again', async ({ billing, page }) => {
  const dialog = await askedAbout(billing, page);
  await page.reload();
  await dialog.approve.click();
  await expect(dialog.root).toBeHidden();
  await expect(billing.methods).toContainText('Visa ···· 3184');

  // It is over: the next reload finds nothing to go on with.
  await page.reload();
  await hydrated(page);
  await expect(billing.methods).toContainText('Visa ···· 3184');
  await expect(dialog.root).toBeHidden();
  await expect(billing.methodsCard.getByRole('status')).toHaveCount(0);
});

test('whoever closes the question is not asked by a reload, and opens it when they like', async ({
  billing,
  page,
}) => {
  const dialog = await askedAbout(billing, page);
  await dialog.close.click();
  await page.reload();
  await hydrated(page);
  const waits = billing.methodsCard.getByRole('status');
  await expect(waits).toContainText('Your bank wants you to confirm a new card');
  await expect(dialog.root).toBeHidden();
  await waits.getByRole('button', { name: 'Confirm it now' }).click();
  await dialog.approve.click();
  await expect(billing.methods).toContainText('Visa ···· 3184');
});
