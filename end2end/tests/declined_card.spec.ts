import {
  asksAlways,
  declined,
  declinesLater,
  expired,
  insufficientFunds,
  lost,
  mistyped,
  processingError,
  unlisted,
  visa,
  wrongSecurityCode,
  type Card,
} from '../support/cards.ts';
import { cellsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

const BANK_SAID_NO =
  'Your bank declined the card. Nothing was charged. Try another card or ask your bank.';

test('a declined card is said at the form, charges nothing and loses nothing typed', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.amount.fill('62.50');
  await dialog.card.country.selectOption('Germany');
  await dialog.pay(declined);
  await expect(dialog.problem).toHaveText(BANK_SAID_NO);
  await expect(dialog.problem).toBeFocused();
  await expect(dialog.amount).toHaveValue('62.50');
  await expect(dialog.card.number).toHaveValue('4000 0000 0000 0002');
  await expect(dialog.card.expiry).toHaveValue('12 / 34');
  await expect(dialog.card.securityCode).toHaveValue('123');
  await expect(dialog.card.country).toHaveValue('DE');
  await account.expectNothingCharged();

  // Another card, and the same amount goes through.
  await dialog.card.number.fill(visa.number);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$62.50 was added to your balance');
  await dialog.done.click();
  await expect(billing.balance).toHaveText('$62.50');
  expect(await account.balance()).toBe('62.50');
  const charges = await account.charges();
  expect(charges.map(({ status }) => status)).toEqual(['succeeded', 'failed']);

  // The failure stays visible, without a sign: it moved nothing.
  await expect(billing.rows).toHaveCount(2);
  const failure = cellsOf(billing.rows.last());
  await expect(failure.amount).toHaveText('$62.50');
  await expect(failure.status).toHaveText('Failed');
  await expect(failure.description).toContainText(BANK_SAID_NO);
  // The card that was declined is not kept.
  await expect(billing.methods).toHaveCount(1);
});

interface Refusal {
  what: string;
  card: Card;
  message: string;
  /** The field that the message stands at; without one it stands above the button. */
  field?: 'number' | 'expiry' | 'securityCode';
}

const REFUSALS: Refusal[] = [
  {
    what: 'a card without enough money',
    card: insufficientFunds,
    message:
      'The card has insufficient funds. Nothing was charged. Try a smaller amount or another card.',
  },
  // Whoever holds it may not be its owner, and learns nothing.
  { what: 'a card that was reported lost', card: lost, message: BANK_SAID_NO },
  {
    what: 'a bank that could not process it',
    card: processingError,
    message: 'The bank could not process the card. Nothing was charged. Try again in a moment.',
  },
  {
    what: 'an expired card',
    card: expired,
    message: 'The card has expired. Nothing was charged. Use another card.',
    field: 'expiry',
  },
  {
    what: 'a wrong security code',
    card: wrongSecurityCode,
    message: 'The security code is incorrect. Nothing was charged. Check the code and try again.',
    field: 'securityCode',
  },
];

for (const { what, card, message, field } of REFUSALS) {
  const where = field === undefined ? 'above the button' : 'at its field';
  test(`${what} is said ${where}`, async ({ account, billing }) => {
    const dialog = await billing.openDialog();
    await dialog.pay(card);
    if (field === undefined) {
      await expect(dialog.problem).toHaveText(message);
      await expect(dialog.problem).toBeFocused();
    } else {
      const input = dialog.card[field];
      await expect(input).toHaveAccessibleDescription(message);
      await expect(input).toHaveAttribute('aria-invalid', 'true');
      await expect(input).toBeFocused();
      await expect(dialog.problem).toBeHidden();
    }
    await expect(dialog.confirm).toBeEnabled();
    await account.expectNothingCharged();
    await dialog.close.click();
    await expect(billing.balance).toHaveText('$0.00');
  });
}

test('a mistyped number is said at its field before anyone is asked', async ({
  account,
  billing,
  page,
}) => {
  const posts: string[] = [];
  const dialog = await billing.openDialog();
  page.on('request', (request) => posts.push(request.url()));
  await dialog.pay(mistyped);
  await expect(dialog.card.number).toHaveAccessibleDescription(
    'The card number is incorrect. Check the digits.',
  );
  await expect(dialog.card.number).toBeFocused();
  expect(posts).toEqual([]);

  // Mending it takes the message away, and the payment goes through.
  await dialog.card.number.fill(visa.number);
  await expect(dialog.card.number).not.toHaveAttribute('aria-invalid');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('an empty card is said at every field, and the first one has the focus', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.confirm.click();
  await expect(dialog.card.number).toHaveAccessibleDescription('Enter the card number.');
  await expect(dialog.card.expiry).toHaveAccessibleDescription('Enter the expiration date.');
  await expect(dialog.card.securityCode).toHaveAccessibleDescription('Enter the security code.');
  await expect(dialog.card.number).toBeFocused();
  await account.expectNothingCharged();
});

const SLIPS = [
  { typed: '13 / 34', message: 'The month must be between 01 and 12.' },
  { typed: '01 / 24', message: 'The card has expired. Use another card.' },
  { typed: '12 / ', message: 'The expiration date is incomplete.' },
];

for (const { typed, message } of SLIPS) {
  test(`the expiration date ${typed} is said at its field`, async ({ account, billing }) => {
    const dialog = await billing.openDialog();
    await dialog.pay({ ...visa, expiry: typed });
    await expect(dialog.card.expiry).toHaveAccessibleDescription(message);
    await expect(dialog.card.expiry).toBeFocused();
    await account.expectNothingCharged();
  });
}

test('a card that the processor does not take is said at its number', async ({
  account,
  billing,
  complaints,
}) => {
  complaints.expect(/status of 402 .*\/sandbox\/v1\/payment_methods/);
  const dialog = await billing.openDialog();
  await dialog.pay(unlisted);
  await expect(dialog.card.number).toHaveAccessibleDescription(
    'The payment processor does not take this card. Use another card.',
  );
  await account.expectNothingCharged();
});

test('a saved card that is declined is said above the button, and a new one can pay', async ({
  account,
  billing,
  history,
}) => {
  await account.saveCard(declinesLater);
  const dialog = await billing.openDialog();
  await expect(dialog.savedCards).toBeChecked();
  await dialog.confirm.click();
  await expect(dialog.problem).toHaveText(BANK_SAID_NO);
  await account.expectNothingCharged();

  await dialog.newCard.check();
  await expect(dialog.problem).toBeHidden();
  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(await account.balance()).toBe('25.00');

  // Of several cards it is said which one failed.
  await history.open();
  const failed = cellsOf(history.rows.filter({ hasText: 'Failed' }));
  await expect(failed.description).toHaveText(`CreditVisa ···· 0341. ${BANK_SAID_NO}`);
});

test('an unreachable processor charges nothing and loses nothing typed', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_FAILED .*\/sandbox\/v1\/payment_methods/);
  const dialog = await billing.openDialog();
  await page.route('**/sandbox/v1/payment_methods', (route) => route.abort());
  await dialog.pay(asksAlways);
  await expect(dialog.problem).toHaveText(
    'We could not reach the payment processor. Nothing was charged. Try again in a moment.',
  );
  await expect(dialog.card.number).toHaveValue('4000 0027 6000 3184');
  await account.expectNothingCharged();
});

test('a year further ahead than any card lasts is said to be wrong, and not past', async ({
  account,
  billing,
  complaints,
}) => {
  complaints.expect(/status of 402 .*\/sandbox\/v1\/payment_methods/);
  const dialog = await billing.openDialog();
  await dialog.pay({ ...visa, expiry: '12 / 99' });
  await expect(dialog.card.expiry).toHaveAccessibleDescription(
    'The year is not valid. Check the expiration date.',
  );
  await expect(dialog.card.expiry).toBeFocused();
  await account.expectNothingCharged();
});
