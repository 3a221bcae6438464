import type { Locator } from '@playwright/test';

import { amex, asksAlways, declined, mastercard, visa } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { CardFields } from '../support/pages/add_credit.ts';
import type { BillingPage } from '../support/pages/billing.ts';
import { holdAnswers, sentTo, submitTwice } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

function methodOf(billing: BillingPage, label: string): Locator {
  return billing.methods.filter({ hasText: label });
}

test('a card is saved without being charged', async ({ account, billing, page }) => {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  const card = new CardFields(dialog);
  await expect(card.number).toBeFocused();
  await card.fill(amex);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog).toBeHidden();
  await expect(billing.methods).toHaveCount(1);
  await expect(billing.methods).toContainText('American Express ···· 0005');
  await expect(billing.methods).toContainText('Default');
  expect(await account.charges()).toEqual([]);
});

test('Enter in the last field saves the card, and the page goes on', async ({ billing, page }) => {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  const card = new CardFields(dialog);
  await card.fill(visa);
  await card.securityCode.press('Enter');
  await expect(dialog).toBeHidden();
  await expect(billing.methods).toContainText('Visa ···· 4242');
  await billing.addCredit.click();
  await expect(billing.dialog.root.getByRole('radio', { name: 'Visa ···· 4242' })).toBeChecked();
});

test('two submits in one turn save one card, though no button is disabled yet', async ({
  billing,
  page,
}) => {
  const sent = sentTo(page, 'add_payment_method');
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await new CardFields(dialog).fill(visa);
  await submitTwice(dialog);
  await expect(dialog).toBeHidden();
  await expect(billing.methods).toHaveCount(1);
  expect(sent).toHaveLength(1);
});

test('a card that has expired is shown as such, and nothing can be paid with it', async ({
  account,
  billing,
  page,
  processor,
}) => {
  await account.saveCard(visa);
  const last = new Date();
  last.setUTCMonth(last.getUTCMonth() - 1, 1);
  const [year, month] = [last.getUTCFullYear(), last.getUTCMonth() + 1];
  await processor.replaceCards(account.organization.id, month, year);
  await expect(async () => {
    await billing.open();
    await expect(billing.methods).toContainText('Expired', { timeout: 1_000 });
  }).toPass();
  await billing.addCredit.click();
  const saved = billing.dialog.root.getByRole('radio', { name: 'Visa ···· 4242' });
  await expect(saved).toBeDisabled();
  await expect(saved).not.toBeChecked();
  await expect(billing.dialog.root).toContainText('Expired');
  // Another card is asked for, and pays.
  await expect(billing.dialog.newCard).toBeChecked();
  await billing.dialog.pay(mastercard);
  await expect(billing.dialog.status).toHaveText('$25.00 was added to your balance');
  await billing.dialog.done.click();

  // Beside it the good one is chosen.
  await page.reload();
  await hydrated(page);
  await billing.addCredit.click();
  await expect(billing.dialog.root.getByRole('radio', { name: 'Mastercard' })).toBeChecked();
  await expect(saved).toBeDisabled();
  await account.expectOneCharge(2_500);
});

test('a card that its bank declines is not saved, and what was typed stays', async ({
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 400 .*\/api\/add_payment_method/);
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  const card = new CardFields(dialog);
  await card.fill(declined);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Your bank declined the card.');
  await expect(card.number).toHaveValue('4000 0000 0000 0002');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(billing.methods).toHaveCount(0);
});

test('another card becomes the default', async ({ account, billing }) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  await expect(methodOf(billing, 'Visa')).toContainText('Default');
  await billing.methodsCard.getByLabel('Change Mastercard ···· 4444').click();
  await billing.methodsCard.getByRole('button', { name: 'Set as default' }).click();
  await expect(methodOf(billing, 'Mastercard')).toContainText('Default');
  await expect(methodOf(billing, 'Visa')).not.toContainText('Default');

  const dialog = await billing.openDialog();
  await expect(dialog.root.getByRole('radio', { name: 'Mastercard' })).toBeChecked();
});

test('what was said of one card is not said of the next', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/remove_payment_method/);
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  const ask = async (label: string): Promise<void> => {
    await billing.methodsCard.getByLabel(`Change ${label}`).click();
    await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
    await expect(question).toContainText(label);
  };
  await page.route('**/api/remove_payment_method', (route) => route.abort('connectionrefused'));
  await ask('Visa ···· 4242');
  await question.getByRole('button', { name: 'Remove card' }).click();
  await expect(question.getByRole('alert')).toContainText('We could not reach the server.');
  await question.getByRole('button', { name: 'Keep it' }).click();

  await ask('Mastercard ···· 4444');
  await expect(question.getByRole('alert')).toHaveCount(0);
});

test('the answer about one card leaves the question about another alone', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  const ask = async (label: string): Promise<void> => {
    await billing.methodsCard.getByLabel(`Change ${label}`).click();
    await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
    await expect(question).toContainText(label);
  };
  const { arrived, release } = await holdAnswers(page, '**/api/remove_payment_method');
  await ask('Visa ···· 4242');
  await question.getByRole('button', { name: 'Remove card' }).click();
  await arrived;
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await ask('Mastercard ···· 4444');
  release();
  await expect(billing.methods).toHaveCount(1);
  await expect(question).toContainText('Mastercard ···· 4444');
  await expect(question.getByRole('button', { name: 'Remove card' })).toBeEnabled();
});

test('a card is removed only after being asked about', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await billing.open();
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  const ask = async (): Promise<void> => {
    await billing.methodsCard.getByLabel('Change Visa ···· 4242').click();
    await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
    await expect(question).toContainText('Visa ···· 4242');
  };
  await ask();
  await expect(question).toContainText('is the only saved card. Without it, adding credit asks');
  await question.getByRole('button', { name: 'Keep it' }).click();
  await expect(question).toBeHidden();
  await expect(billing.methods).toHaveCount(1);

  await ask();
  await question.getByRole('button', { name: 'Remove card' }).click();
  await expect(question).toBeHidden();
  await expect(billing.methods).toHaveCount(0);
  await billing.open();
  await expect(billing.methods).toHaveCount(0);
});

test('removing the default says which card takes its place, and it does', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await account.saveCard(amex);
  await billing.open();
  await billing.methodsCard.getByLabel('Change Visa ···· 4242').click();
  await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
  const question = page.getByRole('dialog', { name: 'Remove this card?' });
  await expect(question).toContainText('American Express ···· 0005 becomes the default.');
  await question.getByRole('button', { name: 'Remove card' }).click();
  await expect(methodOf(billing, 'American Express')).toContainText('Default');
  await expect(billing.methods).toHaveCount(2);
});

test('a card whose bank asks is saved once its owner has confirmed it in the frame', async ({
  account,
  billing,
  page,
}) => {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await new CardFields(dialog).fill(asksAlways);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.getByRole('status')).toContainText('Confirm it to save the card');
  const bank = dialog.getByTitle('Confirmation by your bank').contentFrame();
  await expect(bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await expect(billing.methods).toHaveCount(0);
  await bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog).toBeHidden();
  await expect(billing.methods).toContainText('Visa ···· 3184');
  expect(await account.charges()).toEqual([]);
});

test('a card whose owner does not confirm it is not saved, and what was typed stays', async ({
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 400 .*\/api\/finish_payment_method/);
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  const card = new CardFields(dialog);
  await card.fill(asksAlways);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  const bank = dialog.getByTitle('Confirmation by your bank').contentFrame();
  await bank.getByRole('button', { name: 'Fail' }).click();
  await expect(dialog.getByRole('alert')).toContainText('could not confirm that it was you');
  await expect(card.number).toHaveValue('4000 0027 6000 3184');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(billing.methods).toHaveCount(0);
});

test('the same card again is one card, and it is said', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await new CardFields(dialog).fill({ ...visa, expiry: '08 / 37' });
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.getByRole('status')).toHaveText('Visa ···· 4242 is already saved');
  await expect(dialog).toContainText('Its expiry is 08 / 37.');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await expect(billing.methods).toHaveCount(1);
  await expect(billing.methods).toContainText('Expires 08 / 37');
});

test('a card says that it expires soon, and that its bank has renewed it', async ({
  account,
  billing,
  processor,
}) => {
  await account.saveCard(visa);
  const today = new Date();
  const [year, month] = [today.getUTCFullYear(), today.getUTCMonth() + 1];
  const replaced = async (month: number, year: number, words: string): Promise<void> => {
    await processor.replaceCards(account.organization.id, month, year);
    // The processor tells the server, which then asks.
    await expect(async () => {
      await billing.open();
      await expect(billing.methods).toContainText(words, { timeout: 1_000 });
    }).toPass();
  };
  const two = (figure: number): string => String(figure % 100).padStart(2, '0');
  await replaced(month, year, `Expires soon: ${two(month)} / ${two(year)}`);
  await replaced(9, year + 9, `Expires 09 / ${two(year + 9)}`);
});
