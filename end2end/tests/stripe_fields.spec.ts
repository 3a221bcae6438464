/** Stripe's fields are not ours: what is said of them, and when they come and go. */
import { expired, visa, wrongSecurityCode } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { expect, test } from '../support/stripe.ts';

const REFUSALS = [
  {
    what: 'an expired card',
    card: expired,
    message: 'The card has expired. Nothing was charged. Use another card.',
  },
  {
    what: 'a wrong security code',
    card: wrongSecurityCode,
    message: 'The security code is incorrect. Nothing was charged. Check the code and try again.',
  },
];

for (const { what, card, message } of REFUSALS) {
  test(`${what} is said above the button: Stripe's fields take no message of ours`, async ({
    account,
    billing,
    complaints,
    page,
    stripe,
  }) => {
    complaints.expect(/status of 400 .*\/api\/add_payment_method/);
    const dialog = await billing.openDialog();
    await stripe.enter(card);
    await dialog.confirm.click();
    await expect(dialog.problem).toHaveText(message);
    await expect(dialog.problem).toBeFocused();
    await expect(stripe.field).toHaveValue(card.number);
    await account.expectNothingCharged();
    await dialog.close.click();

    await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
    await stripe.enter(card);
    const saving = page.getByRole('dialog', { name: 'Add payment method' });
    await saving.getByRole('button', { name: 'Save card' }).click();
    await expect(saving.getByRole('alert')).toHaveText(message);
    await expect(saving.getByRole('alert')).toBeFocused();
    await expect(stripe.field).toHaveValue(card.number);
  });
}

test('while the script is on its way nothing false is said, and what is chosen then counts', async ({
  account,
  billing,
  page,
  stripe,
}) => {
  const [released, release] = gate();
  const asked: string[] = [];
  await page.route('https://js.stripe.com/**', async (route) => {
    asked.push(route.request().url());
    await released;
    await route.fallback();
  });
  const dialog = await billing.openDialog();
  await dialog.confirm.click();
  await expect(dialog.problem).toHaveText(
    'The card fields are still loading. Nothing was charged. Try again in a moment.',
  );
  // Closed and opened meanwhile, it is still one script that is waited for.
  await dialog.close.click();
  await billing.addCredit.click();
  await dialog.preset('$50').click();
  expect(asked).toHaveLength(1);
  release();
  await stripe.enter(visa);
  expect(await stripe.last('elements')).toEqual([expect.objectContaining({ amount: 5_000 })]);
  expect((await stripe.calls()).filter(([name]) => name === 'Stripe')).toHaveLength(1);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$50.00 was added to your balance');
  await account.expectOneCharge(5_000);
});

test('a look at a saved card leaves what was entered in the fields', async ({
  account,
  billing,
  stripe,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.newCard.check();
  await stripe.enter(visa);
  await dialog.savedCards.check();
  await expect(stripe.field).toBeHidden();
  await dialog.newCard.check();
  await expect(stripe.field).toHaveValue(visa.number);
  expect((await stripe.calls()).map(([name]) => name)).not.toContain('destroy');
});
