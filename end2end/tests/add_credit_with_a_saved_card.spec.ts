import { mastercard, visa } from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('$10 with the saved card takes a preset and a click', async ({ account, billing }) => {
  const card = await account.saveCard(visa);
  await account.addCredit('25.00', card);

  const dialog = await billing.openDialog();
  await expect(dialog.savedCards).toBeChecked();
  await expect(dialog.card.number).toBeHidden();
  await dialog.preset('$10').click();
  await expect(dialog.summary.last()).toHaveText('$35.00');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$10.00 was added to your balance');
  await expect(dialog.root.getByText('Paid with Visa ···· 4242')).toBeVisible();
  await dialog.done.click();

  await expect(billing.balance).toHaveText('$35.00');
  await expect(billing.methods).toHaveCount(1);
  expect(await account.balance()).toBe('35.00');
  expect((await account.charges()).map(({ amount }) => amount)).toEqual([1_000, 2_500]);
});

test('a $5.00 top-up reads Credit, +$5.00, Credit, with the time of a US browser', async ({
  account,
  billing,
  history,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.amount.fill('5');
  await expect(dialog.confirm).toHaveText('Add $5.00');
  await dialog.confirm.click();
  await dialog.done.click();

  await history.open();
  await expect(history.rows).toHaveCount(1);
  const row = cellsOf(history.rows);
  await expect(row.description.getByText('Credit', { exact: true })).toBeVisible();
  await expect(row.amount).toHaveText('+$5.00');
  await expect(row.status).toHaveText('Credit');
  await expect(row.date).toHaveText(/^\d{1,2}\/\d{1,2}\/\d{4}, \d{1,2}:\d\d:\d\d [AP]M$/);
  await account.expectOneCharge(500);
});

test('the new balance is the true one from the first moment that it is seen', async ({
  account,
  billing,
  page,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const dialog = await billing.openDialog();
  const shown = page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const seen = new Set<string>();
        const look = (): void => {
          for (const figure of document.querySelectorAll('.outcome-balance data')) {
            seen.add(figure.textContent ?? '');
          }
          if (document.querySelector('dialog[open]') === null) resolve([...seen]);
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
  await dialog.preset('$10').click();
  await dialog.confirm.click();
  await expect(dialog.root.getByText('$35.00')).not.toHaveCount(0);
  await dialog.done.click();
  expect(await shown).toEqual(['$35.00']);
});

test('the card that is chosen is the one that pays', async ({ account, billing }) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  const dialog = await billing.openDialog();
  await expect(dialog.savedCards).toHaveCount(2);
  await dialog.root.getByRole('radio', { name: 'Mastercard ···· 4444' }).check();
  await dialog.confirm.click();
  await expect(dialog.root.getByText('Paid with Mastercard ···· 4444')).toBeVisible();
  await dialog.done.click();
  await expect(cellsOf(billing.rows).description).toContainText('Mastercard ···· 4444');
  await account.expectOneCharge(2_500);
});

test('a new card beside a saved one becomes the second, not the default', async ({
  account,
  billing,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.newCard.check();
  await dialog.pay(mastercard);
  await dialog.done.click();
  await expect(billing.methods).toHaveCount(2);
  const added = billing.methods.filter({ hasText: 'Mastercard ···· 4444' });
  await expect(added).not.toContainText('Default');
  await account.expectOneCharge(2_500);
});

test('a card that was removed in another tab is said where cards are chosen', async ({
  account,
  billing,
  complaints,
  context,
}) => {
  complaints.expect(/status of 404 .*\/api\/start_top_up/);
  const id = await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await context.request.post('/api/remove_payment_method', { form: { id } });
  await dialog.confirm.click();
  const choice = dialog.root.getByRole('group', { name: 'Payment method' });
  await expect(choice).toHaveAccessibleDescription(
    'This payment method is no longer saved; choose another.',
  );
  await expect(choice).toBeFocused();
  await expect(dialog.problem).toBeHidden();
  await account.expectNothingCharged();

  await dialog.newCard.check();
  await dialog.pay(mastercard);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
});
