/** Where the focus is after something has changed, and what a screen reader hears of it. */
import type { Locator } from '@playwright/test';

import { asksAlways, decidesLater, mastercard, visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { CardFields } from '../support/pages/add_credit.ts';
import type { BillingPage } from '../support/pages/billing.ts';
import { expect, test } from '../support/test.ts';

function menuOf(billing: BillingPage, label: string): Locator {
  return billing.methodsCard.getByLabel(`Change ${label}`);
}

test("the bank's question begins with its words, for a payment", async ({ billing, page }) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.status).toContainText('Your bank wants to be sure that it is you.');
  await expect(dialog.status).toBeFocused();
  // Closed and opened again, too.
  await page.keyboard.press('Escape');
  await expect(dialog.root).toBeHidden();
  await billing.addCredit.click();
  await expect(dialog.status).toBeFocused();
});

test("the bank's question begins with its words, for a card", async ({ billing, page }) => {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await new CardFields(dialog).fill(asksAlways);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.getByRole('status')).toContainText('Your bank wants to be sure');
  await expect(dialog.getByRole('status')).toBeFocused();
});

test('a payment that takes its time says so where the focus is', async ({ billing }) => {
  const dialog = await billing.openDialog();
  await dialog.pay(decidesLater);
  await expect(dialog.status).toContainText('Still processing, no need to pay again.');
  await expect(dialog.status).toBeFocused();
});

test('whoever keeps a card is back at its menu', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await billing.open();
  const menu = menuOf(billing, 'Visa ···· 4242');
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  const ask = async (): Promise<void> => {
    await menu.click();
    await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
    await expect(question).toBeVisible();
  };
  await ask();
  await question.getByRole('button', { name: 'Keep it' }).click();
  await expect(menu).toBeFocused();
  await ask();
  await page.keyboard.press('Escape');
  await expect(menu).toBeFocused();
});

test('a card that is gone is said, and the focus goes to where the cards are', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  await menuOf(billing, 'Mastercard ···· 4444').click();
  await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
  await page.getByRole('button', { name: 'Remove card' }).click();
  await expect(billing.methods).toHaveCount(1);
  await expect(billing.methodsCard.getByText('Mastercard ···· 4444 was removed.')).toBeVisible();
  await expect(billing.methodsCard.getByRole('heading')).toBeFocused();
});

test('a new default is said, and the focus stays at its menu', async ({ account, billing }) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  const menu = menuOf(billing, 'Mastercard ···· 4444');
  await menu.click();
  await billing.methodsCard.getByRole('button', { name: 'Set as default' }).click();
  const said = billing.methodsCard.getByText('Mastercard ···· 4444 is the default now.');
  await expect(said).toBeVisible();
  await expect(said).toHaveAttribute('aria-live', 'polite');
  await expect(menu).toBeFocused();
});

test('a card that was saved is said, and the focus is where it began', async ({
  billing,
  page,
}) => {
  await billing.open();
  const add = billing.methodsCard.getByRole('link', { name: 'Add payment method' });
  await add.click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await new CardFields(dialog).fill(visa);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(billing.methodsCard.getByText('Visa ···· 4242 was saved.')).toBeVisible();
  await expect(add).toBeFocused();
});

test('a session that ended is said with the way back in, wherever cards are changed', async ({
  account,
  billing,
  complaints,
  context,
  page,
}) => {
  complaints.expect(/status of 401/);
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  await context.clearCookies();
  await menuOf(billing, 'Mastercard ···· 4444').click();
  await billing.methodsCard.getByRole('button', { name: 'Set as default' }).click();
  const said = billing.methodsCard.getByRole('alert');
  await expect(said).toContainText('Your session has ended.');
  await expect(said).toBeFocused();
  await expect(said.getByRole('link', { name: 'Sign in' })).toHaveAttribute('href', /next=/);

  await menuOf(billing, 'Visa ···· 4242').click();
  await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
  await expect(said).toBeHidden();
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  await question.getByRole('button', { name: 'Remove card' }).click();
  await expect(question.getByRole('alert')).toContainText('Your session has ended.');
  await expect(question.getByRole('alert')).toBeFocused();
  await expect(question.getByRole('link', { name: 'Sign in' })).toBeVisible();
});

test('while a card is being removed, it is asked for once', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await billing.open();
  const [released, release] = gate();
  await page.route('**/api/remove_payment_method', async (route) => {
    await released;
    await route.continue();
  });
  await menuOf(billing, 'Visa ···· 4242').click();
  await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
  const remove = page.getByRole('button', { name: 'Remove card' });
  await remove.click();
  await expect(remove).toBeDisabled();
  release();
  await expect(billing.methods).toHaveCount(0);
});

test('what is wrong with a field that was left is heard without going back', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.amount.fill('4');
  await page.keyboard.press('Tab');
  const heard = dialog.root.locator('[aria-live="polite"]');
  await expect(heard).toHaveText('The least you can add is $5.00.');
  await dialog.amount.fill('5');
  await expect(heard).toHaveText('');
});

test('a link that opens a dialog still opens another tab for who asks for one', async ({
  account,
  billing,
  context,
  history,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await billing.open();
  const opened = context.waitForEvent('page');
  await billing.addCredit.click({ modifiers: ['ControlOrMeta'] });
  const tab = await opened;
  await expect(tab.getByRole('dialog', { name: 'Add to credit balance' })).toBeVisible();
  await expect(billing.dialog.root).toBeHidden();

  await history.open();
  const another = context.waitForEvent('page');
  await history.rows.getByRole('link', { name: 'Refund of' }).click({ modifiers: ['ControlOrMeta'] });
  const refund = (await another).getByRole('dialog', { name: 'Refund unused credit' });
  await expect(refund).toBeVisible();
});
