/**
 * What happens on a slow line, while the page stands there and its script has not come yet.
 */
import { randomUUID } from 'node:crypto';

import type { Locator, Page } from '@playwright/test';

import { mastercard, visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { hydrated } from '../support/hydration.ts';
import { expect, test } from '../support/test.ts';

/** Holds the script back until it is let go. */
async function holdScript(page: Page): Promise<() => void> {
  const [released, release] = gate();
  await page.route('**/*.wasm', async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

test('what was typed into the form stands in the dialog that takes its place', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  const release = await holdScript(page);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  // The button of $25 stays chosen: what was typed counts.
  await form.getByLabel('Other amount').fill('37.50');
  await form.getByRole('radio', { name: 'Mastercard' }).check();

  release();
  await hydrated(page);
  await expect(billing.dialog.amount).toHaveValue('37.50');
  await expect(billing.dialog.root.getByRole('radio', { name: 'Mastercard' })).toBeChecked();
  await expect(form).toBeHidden();
  await expect(page).toHaveURL('/billing');
  await billing.dialog.confirm.click();
  await expect(billing.dialog.status).toHaveText('$37.50 was added to your balance');
  await account.expectOneCharge(3_750);
});

test('a refusal of the form is said in the dialog, at its field', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const release = await holdScript(page);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await form.getByLabel('Other', { exact: true }).check();
  await form.getByLabel('Other amount').fill('4');
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(form.getByLabel('Other amount')).toHaveAccessibleDescription(
    'The least you can add is $5.00.',
  );

  release();
  await hydrated(page);
  await expect(billing.dialog.amount).toHaveValue('4');
  await expect(billing.dialog.amount).toHaveAccessibleDescription(
    'The least you can add is $5.00.',
  );
  await account.expectNothingCharged();
});

test('the form that was sent a moment before and the dialog that takes its place are one payment', async ({
  account,
  billing,
  page,
}) => {
  const card = await account.saveCard(visa);
  const release = await holdScript(page);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  const id = await form.locator('[name=id]').inputValue();
  expect(new URL(page.url()).searchParams.get('add')).toBe(id);
  // As the browser sends it by itself; the page that answers is still on its way.
  await account.addCredit('25.00', card, id);

  release();
  await hydrated(page);
  await billing.dialog.confirm.click();
  await expect(billing.dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('the question about a card becomes a dialog', async ({ account, page }) => {
  await account.saveCard(visa);
  const release = await holdScript(page);
  await page.goto('/billing');
  const methods = page.getByRole('region', { name: 'Payment methods' });
  await methods.getByLabel('Change Visa ···· 4242').click();
  await methods.getByRole('link', { name: 'Remove' }).click();
  await expect(methods.getByRole('button', { name: 'Remove card' })).toBeVisible();
  release();
  await hydrated(page);
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  await expect(question).toContainText('Visa ···· 4242');
  await expect(methods.getByRole('button', { name: 'Remove card' })).toHaveCount(0);
  await question.getByRole('button', { name: 'Keep it' }).click();
  await expect(page).toHaveURL('/billing');
});

/** The form that gives $25.00 back, before script comes. */
async function openRefund(page: Page): Promise<Locator> {
  await page.goto('/billing/history');
  await page.getByRole('link', { name: 'Refund of $25.00' }).click();
  const form = page.getByRole('region', { name: 'Refund unused credit' });
  await expect(form).toBeVisible();
  return form;
}

test('a refund that was typed into the form is the one that the dialog asks for', async ({
  account,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const release = await holdScript(page);
  const form = await openRefund(page);
  await form.getByLabel('Amount to refund (USD)').fill('5');

  release();
  await hydrated(page);
  const dialog = page.getByRole('dialog', { name: 'Refund unused credit' });
  await expect(dialog.getByLabel('Amount to refund (USD)')).toHaveValue('5');
  await expect(form).toBeHidden();
  await expect(page).toHaveURL('/billing/history');
  await dialog.getByRole('button', { name: 'Refund $5.00' }).click();
  await expect(dialog.getByRole('status')).toHaveText('$5.00 was refunded');
  expect(await account.balance()).toBe('20.00');
});

test("a refusal of the refund's form is said in the dialog, at its field", async ({
  account,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const release = await holdScript(page);
  const form = await openRefund(page);
  const amount = form.getByLabel('Amount to refund (USD)');
  await amount.fill('26');
  await form.getByRole('button', { name: 'Refund' }).click();
  const refusal = 'No more than $25.00 of this credit can be refunded.';
  await expect(amount).toHaveAccessibleDescription(refusal);

  release();
  await hydrated(page);
  const dialog = page.getByRole('dialog', { name: 'Refund unused credit' });
  await expect(dialog.getByLabel('Amount to refund (USD)')).toHaveValue('26');
  await expect(dialog.getByLabel('Amount to refund (USD)')).toHaveAccessibleDescription(refusal);
  expect(await account.balance()).toBe('25.00');
});

test('the form that was sent a moment before and the dialog that takes its place are one refund', async ({
  account,
  page,
}) => {
  const topUp = randomUUID();
  await account.addCredit('25.00', await account.saveCard(visa), topUp);
  const release = await holdScript(page);
  const form = await openRefund(page);
  await form.getByLabel('Amount to refund (USD)').fill('5');
  const id = await form.locator('[name=id]').inputValue();
  expect(new URL(page.url()).searchParams.get('id')).toBe(id);
  // As the browser sends it by itself; the page that answers is still on its way.
  await account.refund(topUp, '5', id);

  release();
  await hydrated(page);
  const dialog = page.getByRole('dialog', { name: 'Refund unused credit' });
  await dialog.getByRole('button', { name: 'Refund $5.00' }).click();
  await expect(dialog.getByRole('status')).toHaveText('$5.00 was refunded');
  expect(await account.balance()).toBe('20.00');
});
