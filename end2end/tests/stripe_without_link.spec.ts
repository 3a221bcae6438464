/** Where the operator has switched Stripe's Link off, cards alone can pay. */
import { visa } from '../support/cards.ts';
import { expect, test } from '../support/stripe.ts';

test.use({ settings: ['--stripe-link=false'] });

test('Link is neither named nor offered', async ({ account, billing, stripe }) => {
  const dialog = await billing.openDialog();
  await expect(stripe.field).toBeVisible();
  await expect(dialog.root).toContainText('Card details go straight to Stripe');
  await expect(dialog.root).not.toContainText('Link');
  expect(await stripe.last('elements')).toEqual([
    expect.objectContaining({ mode: 'payment', paymentMethodTypes: ['card'] }),
  ]);
  await stripe.enter(visa);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});
