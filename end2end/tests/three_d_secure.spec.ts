import { asksAlways, asksThenDeclines, visa } from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { hydrated } from '../support/hydration.ts';
import { expect, test } from '../support/test.ts';

test('a payment that the bank asks about goes through once it is approved in the frame', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByText('Approve this payment of $25.00?')).toBeVisible();
  await account.expectNothingCharged();

  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await dialog.done.click();
  await expect(billing.balance).toHaveText('$25.00');
  await expect(billing.methods).toContainText('Visa ···· 3184');
  await account.expectOneCharge(2_500);
});

test('a payment that the owner does not confirm charges nothing and loses nothing typed', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.amount.fill('33');
  await dialog.pay(asksAlways);
  await dialog.bank.getByRole('button', { name: 'Fail' }).click();
  await expect(dialog.problem).toHaveText(
    'Your bank could not confirm that it was you. Nothing was charged. ' +
      'Try again or use another card.',
  );
  await expect(dialog.amount).toHaveValue('33');
  await expect(dialog.card.number).toHaveValue('4000 0027 6000 3184');
  await expect(dialog.card.securityCode).toHaveValue('123');
  await account.expectNothingCharged();

  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$33.00 was added to your balance');
  await account.expectOneCharge(3_300);
});

test('a bank that declines after it was asked charges nothing', async ({ account, billing }) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksThenDeclines);
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.problem).toHaveText(
    'Your bank declined the card. Nothing was charged. Try another card or ask your bank.',
  );
  await account.expectNothingCharged();
});

test('a reload while the bank asks finds its question again', async ({
  account,
  billing,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();

  await page.reload();
  await hydrated(page);
  await expect(cellsOf(billing.rows).status).toHaveText('Needs confirmation');
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});
