import { amex, mastercard, visa } from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('$25 with a new card raises the balance by exactly that and saves the card', async ({
  account,
  billing,
  history,
}) => {
  const dialog = await billing.openDialog();
  await expect(billing.balance).toHaveText('$0.00');
  await expect(dialog.amount).toBeFocused();
  await expect(dialog.amount).toHaveValue('25.00');
  await expect(dialog.preset('$25')).toHaveAttribute('aria-pressed', 'true');
  // Credit, fee, tax, total, new balance: all of it is said before anything is paid.
  await expect(dialog.summary).toHaveText(['$25.00', '$0.00', '$0.00', '$25.00', '$25.00']);

  await dialog.card.fill(visa);
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await expect(dialog.card.country).toHaveValue('US');
  await expect(dialog.confirm).toHaveText('Add $25.00');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await expect(dialog.status).toBeFocused();
  await dialog.done.click();
  await expect(dialog.root).toBeHidden();

  // Without a reload and after one.
  for (const again of [false, true]) {
    if (again) {
      await billing.open();
    }
    await expect(billing.balance).toHaveText('$25.00');
    await expect(billing.methods).toHaveCount(1);
    await expect(billing.methods).toContainText('Visa ···· 4242');
    await expect(billing.methods).toContainText('Expires 12 / 34');
    await expect(billing.methods).toContainText('Default');
    await expect(billing.rows).toHaveCount(1);
    await expect(cellsOf(billing.rows).amount).toHaveText('+$25.00');
  }
  await account.expectOneCharge(2_500);

  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  const row = cellsOf(history.rows);
  await expect(row.description).toContainText('Credit');
  await expect(row.amount).toHaveText('+$25.00');
  await expect(row.status).toHaveText('Credit');
});

test('the card goes to the payment processor and never to our server', async ({
  account,
  billing,
  page,
}) => {
  const sent: { path: string; body: string }[] = [];
  page.on('request', (request) => {
    const body = decodeURIComponent(request.postData() ?? '').replaceAll(/[ +-]/g, '');
    sent.push({ path: new URL(request.url()).pathname, body });
  });
  const dialog = await billing.openDialog();
  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  const carriers = sent.filter(({ body }) => body.includes(visa.number)).map(({ path }) => path);
  expect(carriers).toEqual(['/sandbox/v1/payment_methods']);
  expect(sent.map(({ path }) => path)).toContain('/api/start_top_up');
  await account.expectOneCharge(2_500);
});

test('each preset fills the amount in, and the button says it', async ({ billing }) => {
  const dialog = await billing.openDialog();
  for (const [preset, amount] of [
    ['$10', '10.00'],
    ['$50', '50.00'],
    ['$100', '100.00'],
    ['$25', '25.00'],
  ] as const) {
    await dialog.preset(preset).click();
    await expect(dialog.amount).toHaveValue(amount);
    await expect(dialog.confirm).toHaveText(`Add $${amount}`);
    await expect(dialog.presets.getByRole('button', { pressed: true })).toHaveText([preset]);
    await expect(dialog.summary.first()).toHaveText(`$${amount}`);
  }
});

test('closing the dialog loses nothing that was typed', async ({ billing, page }) => {
  const dialog = await billing.openDialog();
  await dialog.amount.fill('37.50');
  await dialog.card.fill(mastercard);
  await page.keyboard.press('Escape');
  await expect(dialog.root).toBeHidden();
  await expect(billing.addCredit).toBeFocused();

  await billing.addCredit.click();
  await expect(dialog.amount).toHaveValue('37.50');
  await expect(dialog.card.number).toHaveValue('5555 5555 5555 4444');
  await expect(dialog.card.expiry).toHaveValue('12 / 34');
  await expect(dialog.card.securityCode).toHaveValue('123');
});

test('an American Express card has its own grouping and four digits of code', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.card.fill(amex);
  await expect(dialog.card.number).toHaveValue('3782 822463 10005');
  await dialog.confirm.click();
  await dialog.done.click();
  await expect(billing.methods).toContainText('American Express ···· 0005');
  await account.expectOneCharge(2_500);
});

test('what is typed digit by digit is formatted on the way', async ({ account, billing, page }) => {
  const dialog = await billing.openDialog();
  await dialog.card.number.focus();
  await page.keyboard.type(visa.number);
  await page.keyboard.press('Tab');
  await page.keyboard.type('1234');
  await page.keyboard.press('Tab');
  await page.keyboard.type('123');
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await expect(dialog.card.expiry).toHaveValue('12 / 34');
  await expect(dialog.card.securityCode).toHaveValue('123');
  await page.keyboard.press('Enter');
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});
