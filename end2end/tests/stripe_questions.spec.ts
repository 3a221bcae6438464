/** A bank's question without a page of its own, which Stripe's script asks in ours. */
import { asksAlways, visa } from '../support/cards.ts';
import { expect, test } from '../support/stripe.ts';

const ASKS_FOR_CARD = 'Your bank wants to be sure that it is you. Confirm it to save the card';

test('the script asks beside the dialog, which is modal again afterwards', async ({
  account,
  billing,
  page,
  processor,
  stripe,
}) => {
  let bank = '';
  await stripe.changeBankPage(null, (url) => {
    bank = url;
  });
  stripe.onQuestion = () => processor.approve(bank);
  const dialog = await billing.openDialog();
  await stripe.enter(asksAlways);
  await dialog.confirm.click();
  // What is drawn into the page can be used, and the dialog is still seen.
  await expect(stripe.question).toBeVisible();
  await expect(dialog.root.getByText('Your bank wants to be sure')).toBeVisible();
  await stripe.question.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  const secret = new URL(bank).searchParams.get('client_secret');
  expect(await stripe.last('handleNextAction')).toEqual([{ clientSecret: secret }]);
  await account.expectOneCharge(2_500);
  expect(await dialog.root.evaluate((root) => root.matches(':modal'))).toBe(true);
  await page.keyboard.press('Escape');
  await expect(dialog.root).toBeHidden();
  await expect(billing.addCredit).toBeFocused();
});

test('a question that could not be shown is said, and is asked once at a time', async ({
  account,
  billing,
  processor,
  stripe,
}) => {
  let bank = '';
  await stripe.changeBankPage(null, (url) => {
    bank = url;
  });
  stripe.onQuestion = async () => 'We are unable to authenticate your payment method.';
  const dialog = await billing.openDialog();
  await stripe.enter(asksAlways);
  await dialog.confirm.click();
  const again = dialog.root.getByRole('button', { name: 'Show the question again' });
  await expect(stripe.question).toBeVisible();
  await expect(again).toBeDisabled();
  await stripe.question.click();
  await expect(dialog.problem).toHaveText('We are unable to authenticate your payment method.');
  await expect(dialog.problem).toBeFocused();

  stripe.onQuestion = () => processor.approve(bank);
  await again.click();
  await stripe.question.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  // One instance of the script asks both times, and drew the fields.
  const opened = (await stripe.calls()).filter(([name]) => name === 'Stripe');
  expect(opened).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('a card is saved once the script has asked for its bank', async ({
  account,
  billing,
  page,
  processor,
  stripe,
}) => {
  let bank = '';
  await stripe.changeBankPage(null, (url) => {
    bank = url;
  });
  stripe.onQuestion = () => processor.approve(bank);
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  await stripe.enter(asksAlways);
  await page.getByRole('button', { name: 'Save card' }).click();
  await stripe.question.click();
  await expect(billing.methods).toContainText('Visa ···· 3184');
  expect(await account.charges()).toEqual([]);
});

test('whoever gives the question up finds the card still in its fields', async ({
  account,
  billing,
  page,
  stripe,
}) => {
  await stripe.changeBankPage('https://hooks.stripe.com/3d_secure_2/hosted');
  await page.route('https://hooks.stripe.com/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<p>Your bank asks.</p>' }),
  );
  const dialog = await billing.openDialog();
  await dialog.amount.fill('33');
  await stripe.enter(asksAlways);
  await dialog.confirm.click();
  await expect(dialog.bank.getByText('Your bank asks.')).toBeVisible();
  await expect(stripe.field).toBeHidden();
  await dialog.useAnotherCard.click();
  await expect(dialog.problem).toHaveText('The payment was canceled. Nothing was charged.');
  await expect(dialog.problem).toBeFocused();
  await expect(stripe.field).toHaveValue(asksAlways.number);
  await expect(dialog.amount).toHaveValue('33');
  stripe.card = visa;
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$33.00 was added to your balance');
  expect(await account.balance()).toBe('33.00');
});

test('the same holds for a card that was to be saved', async ({ billing, page, stripe }) => {
  await stripe.changeBankPage('https://hooks.stripe.com/3d_secure_2/hosted');
  await page.route('https://hooks.stripe.com/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<p>Your bank asks.</p>' }),
  );
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await stripe.enter(asksAlways);
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(dialog.getByText(ASKS_FOR_CARD)).toBeFocused();
  await dialog.getByRole('button', { name: 'Use another card' }).click();
  await expect(stripe.field).toHaveValue(asksAlways.number);
  stripe.card = visa;
  await dialog.getByRole('button', { name: 'Save card' }).click();
  await expect(billing.methods).toContainText('Visa ···· 4242');
});
